<?php
// As much of Bitrix as docs/install/bitrix.md calls; prints the statuses of what was sent. See test_php.py.

namespace Bitrix\Main {
    class Event
    {
        public function __construct(private array $parameters)
        {
        }

        public function getParameter($name)
        {
            return $this->parameters[$name] ?? null;
        }
    }

    class EventManager
    {
        public array $handlers = [];

        public static function getInstance()
        {
            static $only = new EventManager();
            return $only;
        }

        public function addEventHandler($module, $name, $function)
        {
            $this->handlers[$name] = $function;
        }
    }

    class Loader
    {
        public static function includeModule($name)
        {
            return true;
        }
    }
}

namespace Bitrix\Main\Web {
    class HttpClient
    {
        private array $lines = [];
        private int $status = 0;

        public function __construct(array $options)
        {
        }

        public function setHeader($name, $value)
        {
            $this->lines[] = "$name: $value";
        }

        public function post($url, $body)
        {
            $options = ['method' => 'POST', 'header' => $this->lines, 'content' => $body, 'ignore_errors' => true];
            file_get_contents($url, false, stream_context_create(['http' => $options + ['timeout' => 10]]));
            $this->status = (int)explode(' ', $http_response_header[0])[1];
            echo $this->status, "\n";
        }

        public function getStatus()
        {
            return $this->status;
        }
    }
}

namespace Bitrix\Sale {
    class Order
    {
        public static function load($id)
        {
            return new Order();
        }

        public function getId()
        {
            return 17;
        }

        public function getField($name)
        {
            return ['ACCOUNT_NUMBER' => 'B-17'][$name];
        }

        public function getUserId()
        {
            return 5;
        }

        public function getPrice()
        {
            return 2500.5;
        }

        public function getDeliveryPrice()
        {
            return 300.0;
        }

        public function getCurrency()
        {
            return 'EUR';
        }

        public function isPaid()
        {
            return true;
        }
    }
}

namespace {
    class CAgent
    {
        public static array $agents = [];

        public static function AddAgent($name, $module, $period, $interval, $check, $active, $next)
        {
            self::$agents[] = $name;
        }
    }

    function ConvertTimeStamp($time, $kind)
    {
        return date('d.m.Y H:i:s', $time);
    }

    error_reporting(E_ALL);
    set_error_handler(function ($level, $text) {
        fwrite(STDERR, $text);
        exit(1);
    });
    require $argv[1];
    $_COOKIE['_mv'] = '1.bitrix-click.ANNA.t00000~bitrix-click.ANNA.t00000';
    $handlers = Bitrix\Main\EventManager::getInstance()->handlers;
    $order = new Bitrix\Sale\Order();
    $handlers['OnSaleOrderSaved'](new Bitrix\Main\Event(['ENTITY' => $order, 'IS_NEW' => true]));
    $handlers['OnSaleOrderSaved'](new Bitrix\Main\Event(['ENTITY' => $order, 'IS_NEW' => false]));
    $handlers['OnSaleOrderPaid'](new Bitrix\Main\Event(['ENTITY' => $order]));
    for ($sent = 0; $sent < 10 && CAgent::$agents; $sent++) {
        if (eval('return ' . array_shift(CAgent::$agents)) !== '') {
            exit(1);
        }
    }
}
