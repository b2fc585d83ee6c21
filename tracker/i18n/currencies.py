"""ISO 4217: the currencies in use and how many decimals each has; pure.

Formatters, forms and the CLI call it. The table is pinned here because CLDR (and Babel with it) gives cash
habits, not the standard's exponents, and an exponent that moves with a library would change what stored
amounts mean.
"""

from tracker.i18n.messages import InputError, msg

# ISO 4217 list one, amendment 177; funds, metals and testing codes left out.
_TWO = (
    "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF "
    "CNY COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL "
    "HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT "
    "MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB "
    "SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH "
    "USD UZS VED VES WST XCD XCG YER ZAR ZMW ZWG"
)
_NONE = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF"
_THREE = "BHD IQD JOD KWD LYD OMR TND"

EXPONENTS: dict[str, int] = {
    **dict.fromkeys(_TWO.split(), 2),
    **dict.fromkeys(_NONE.split(), 0),
    **dict.fromkeys(_THREE.split(), 3),
}


def check_currency(code: str, *, field: str = "currency") -> str:
    """Return the code when it is an ISO 4217 currency in use; raises InputError."""
    if code in EXPONENTS:
        return code
    raise InputError(
        field,
        msg('"%(code)s" is not a currency in use; give three letters of ISO 4217, such as EUR.', code=code[:8]),
    )
