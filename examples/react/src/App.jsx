import { useState } from 'react';
import { useReferral } from 'molva-snippet/react';
import { molva, told } from './molva.js';

const Banner = () => {
  const referral = useReferral(molva);
  return referral && <p role="status" id="banner">Welcome! {referral.partner?.name || referral.code} sent you.</p>;
};

const LeadForm = () => {
  const [text, setText] = useState('');
  const submit = async event => {
    event.preventDefault();
    const email = new FormData(event.currentTarget).get('email');
    setText(told(await molva.lead({ id: crypto.randomUUID(), email })));
  };
  return (
    <form onSubmit={submit}>
      <label>E-mail <input name="email" type="email" required /></label>
      <button>Ask for a call</button>
      <output id="lead">{text}</output>
    </form>
  );
};

const BuyButton = () => {
  const [text, setText] = useState('');
  const buy = async () => {
    setText(told(await molva.sale({ order: crypto.randomUUID(), amount: '19.99', currency: 'EUR' })));
  };
  return <p><button id="buy" onClick={buy}>Buy for 19.99 EUR</button> <output id="sale">{text}</output></p>;
};

export const App = () => (
  <main>
    <h1>Shop</h1>
    <Banner />
    <LeadForm />
    <BuyButton />
  </main>
);
