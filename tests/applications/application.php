<?php
// A small application: its page says what it was told, and whether it can read the credential (testbed::application::Seen).

function read(string $path): array
{
    $pem = @file_get_contents($path);
    if ($pem === false) {
        return ['Err' => error_get_last()['message']];
    }
    $certificate = openssl_x509_parse($pem);
    if (!openssl_x509_check_private_key($pem, $pem)) {
        return ['Err' => "the key in $path is not the first certificate's"];
    }
    return ['Ok' => [
        'subject' => $certificate['name'],
        'expires' => gmdate('Y-m-d\TH:i:s\Z', $certificate['validTo_time_t']),
        'certificates' => substr_count($pem, 'BEGIN CERTIFICATE'),
        'mode' => sprintf('%04o', fileperms($path) & 07777),
    ]];
}

$told = array_filter($_SERVER, 'is_string');
$told['APPLICATION_USER'] = (string) fileowner('/proc/self');
$path = $told['X509_USER_PROXY'] ?? null;
$seen = ['environment' => $told, 'body' => '', 'credential' => $path === null ? null : read($path)];
header('Content-Type: text/html; charset=utf-8');
echo '<!DOCTYPE html><script type="application/json">', json_encode($seen, JSON_HEX_TAG | JSON_THROW_ON_ERROR), '</script>';
