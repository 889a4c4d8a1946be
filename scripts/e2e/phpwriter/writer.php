<?php
// Writes events as the plugin does: writer.php FILE WRITER COUNT GAP_US. It prints "ready", waits for a line on standard
// input, writes COUNT events about GAP_US microseconds apart, and then prints each event as a client must receive it. The
// events depend only on WRITER and the clock.
declare(strict_types=1);

[, $path, $writer, $count, $gap] = $argv;
[$writer, $count, $gap] = [(int) $writer, (int) $count, (int) $gap];
mt_srand($writer);

// Texts with characters that json_encode() escapes, or deliberately does not.
$specials = [
    'Größe № 日本語', '🎉🇪🇺', 'a/b//c', '"quoted" \'n\' \\escaped\\', '<b class="x">bold</b> &amp;', "tab\tline\nend", '{"}][',
];

/** Writes a file like WP_Filesystem_Direct::put_contents(). */
function put_contents(string $path, string $contents): void
{
    $file = fopen($path, 'wb');
    if ($file === false || fwrite($file, $contents) !== strlen($contents)) {
        fwrite(STDERR, "writer.php: cannot write $path\n");
        exit(1);
    }
    fclose($file);
    chmod($path, 0644);
}

echo "ready\n";
fgets(STDIN);
$lines = [];
for ($number = 1; $number <= $count; $number++) {
    // The lengths differ, so that a document that overwrites a longer one leaves the tail of that.
    $title = sprintf('W%d-%06d %s', $writer, $number, str_repeat('x', mt_rand(0, 400)));
    if (mt_rand(1, 5) === 1) {
        $title .= $specials[array_rand($specials)];
    }
    $event = [
        'timestamp' => time(),
        'type' => 'post_saved',
        'post_id' => $writer * 1000000 + $number,
        'post_title' => $title,
        'status' => 'publish',
        'is_update' => mt_rand(0, 1) === 1,
    ];
    put_contents($path, json_encode($event, JSON_PRETTY_PRINT));
    $lines[] = json_encode($event);
    if ($gap > 0) {
        usleep(mt_rand(intdiv($gap, 2), $gap + intdiv($gap, 2)));
    }
}
echo implode("\n", $lines), "\n";
