<?php
// As much of WordPress and WooCommerce as docs/install/wordpress.md calls, for `php -S`; see test_php.py.

$actions = [];
$scheduled = [];

function add_action($name, $function, $priority = 10, $count = 1)
{
    $GLOBALS['actions'][$name][] = $function;
}

function do_action($name, ...$given)
{
    foreach ($GLOBALS['actions'][$name] ?? [] as $function) {
        $function(...$given);
    }
}

function wp_schedule_single_event($time, $name, $given)
{
    $GLOBALS['scheduled'][] = [$name, $given];
}

function wp_remote_request($url, $options)
{
    $lines = [];
    foreach ($options['headers'] as $name => $value) {
        $lines[] = "$name: $value";
    }
    $context = stream_context_create(['http' => [
        'method' => $options['method'], 'header' => $lines, 'content' => (string)($options['body'] ?? ''),
        'user_agent' => $options['user-agent'] ?? 'WordPress', 'follow_location' => $options['redirection'] ?? 1,
        'ignore_errors' => true, 'timeout' => $options['timeout'], 'protocol_version' => 1.1,
    ]]);
    $body = @file_get_contents($url, false, $context);
    if ($body === false) {
        return null;
    }
    $answer = ['status' => (int)explode(' ', $http_response_header[0])[1], 'headers' => [], 'body' => $body];
    foreach (array_slice($http_response_header, 1) as $line) {
        [$name, $value] = explode(':', $line, 2);
        $answer['headers'][strtolower($name)] = trim($value);
    }
    return $answer;
}

function wp_remote_post($url, $options)
{
    return wp_remote_request($url, ['method' => 'POST', 'redirection' => 0] + $options);
}

function is_wp_error($answer)
{
    return $answer === null;
}

function wp_remote_retrieve_response_code($answer)
{
    return $answer['status'];
}

function wp_remote_retrieve_header($answer, $name)
{
    return $answer['headers'][$name] ?? '';
}

function wp_remote_retrieve_body($answer)
{
    return $answer['body'];
}

function esc_attr($text)
{
    return htmlspecialchars($text, ENT_QUOTES);
}

function wp_unslash($text)
{
    return stripslashes($text);
}

function wp_json_encode($value)
{
    return json_encode($value);
}

function wc_get_price_decimals()
{
    return 2;
}

class Order
{
    public $meta = [];

    public function update_meta_data($name, $value)
    {
        $this->meta[$name] = $value;
    }

    public function get_meta($name)
    {
        return $this->meta[$name] ?? '';
    }

    public function get_order_number()
    {
        return 1001;
    }

    public function get_total()
    {
        return '49.90';
    }

    public function get_total_tax()
    {
        return '7.90';
    }

    public function get_shipping_total()
    {
        return '4.00';
    }

    public function get_currency()
    {
        return 'EUR';
    }

    public function get_billing_email()
    {
        return 'buyer@example.test';
    }
}

$order = new Order();

function wc_get_order($id)
{
    return $GLOBALS['order'];
}

error_reporting(E_ALL);
set_error_handler(function ($level, $text) {
    if (error_reporting() & $level) {
        http_response_code(500);
        exit("PHP: $text");
    }
});
require __DIR__ . '/molva.php';
do_action('muplugins_loaded');

if ($_SERVER['REQUEST_URI'] === '/stand-in/paid-order') {
    do_action('woocommerce_checkout_create_order', $order);
    do_action('woocommerce_payment_complete', 1001);
    $due = $scheduled;
    $scheduled = [];
    foreach ($due as [$name, $given]) {
        do_action($name, ...$given);
    }
    exit(json_encode($scheduled));
}
echo '<!doctype html><title>t</title>';
do_action('wp_head');
