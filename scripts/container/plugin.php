<?php
// Writes events as the plugin does: plugin.php ROOT FIRST COUNT GAP_MS, where ROOT is WordPress's own. Each event goes
// to standard output too, as the line that a client is to receive.
[, $root, $first, $count, $gap] = $argv;
$dir = "$root/wp-content/realtime-events";
$path = "$dir/latest_event.json";
if (!is_dir($dir)) {
    mkdir($dir);
    chmod($dir, 0755);
}
for ($id = (int) $first; $id < $first + $count; $id++) {
    $event = [
        'timestamp' => time(),
        'type' => 'post_saved',
        'post_id' => $id,
        'post_title' => "Größe / <b>№ $id</b> 🎉",
        'status' => 'publish',
        'is_update' => true,
    ];
    $file = fopen($path, 'w');
    fwrite($file, json_encode($event, JSON_PRETTY_PRINT));
    fclose($file);
    chmod($path, 0644);
    echo json_encode($event), "\n";
    usleep($gap * 1000);
}
