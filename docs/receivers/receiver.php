<?php
// A webhook receiver for PHP 7.4 and later, with nothing but what comes with it.
//
//   ZORIO_WEBHOOK_SECRET=… php -S 127.0.0.1:8080 receiver.php   plain HTTP to try it out, behind a TLS proxy
//
// In production it is a script of your web server, which does the TLS.

declare(strict_types=1);

const MAX_AGE = 300; // seconds
const MAX_BODY = 1024 * 1024; // bytes

/** Returns the status and the text to answer with; the event is handled when it is new. */
function receive(array $headers, string $body, int $now): array
{
    $timestamp = $headers['HTTP_X_ZORIO_TIMESTAMP'] ?? '';
    if (!ctype_digit($timestamp) || abs($now - (int) $timestamp) > MAX_AGE) {
        return [400, 'Stale timestamp'];
    }

    // Over the bytes as they arrived: parsing and printing JSON again would change them.
    $expected = 'sha256=' . hash_hmac('sha256', $body, getenv('ZORIO_WEBHOOK_SECRET'));
    if (!hash_equals($expected, $headers['HTTP_X_ZORIO_SIGNATURE'] ?? '')) {
        return [401, 'Invalid signature'];
    }

    if (!is_new($headers['HTTP_X_ZORIO_DELIVERY'] ?? '')) {
        return [200, 'Duplicate'];
    }

    handle(json_decode($body, true));
    return [200, 'OK'];
}

/** A file that can be made only once. In production: SET zorio:delivery:<id> 1 NX EX 86400 in Redis. */
function is_new(string $delivery): bool
{
    $folder = getenv('SEEN_FOLDER') ?: sys_get_temp_dir() . '/zorio-deliveries';
    is_dir($folder) || @mkdir($folder, 0700, true);
    return @fopen($folder . '/' . hash('sha256', $delivery), 'x') !== false;
}

/** What your application does with an event. Answer within 5 seconds: put slow work into a queue. */
function handle(array $event): void
{
    error_log($event['timestamp'] . ' ' . $event['event'] . ' ' . ($event['data']['call_uuid'] ?? ''));
}

if (!getenv('ZORIO_WEBHOOK_SECRET')) {
    http_response_code(500);
    exit('ZORIO_WEBHOOK_SECRET is not set');
}
$body = file_get_contents('php://input', false, null, 0, MAX_BODY + 1);
[$status, $text] = strlen($body) > MAX_BODY ? [413, 'Too large'] : receive($_SERVER, $body, time());
http_response_code($status);
header('Content-Type: text/plain');
echo $text;
