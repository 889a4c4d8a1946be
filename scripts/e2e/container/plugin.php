<?php
// Writes events as the plugin does: plugin.php ROOT FIRST COUNT GAP_MS [COMPANION]. ROOT is WordPress's root directory.
// With the path of the companion it writes through the outbox. It prints each event as a client must receive it.
[, $root, $first, $count, $gap] = $argv;
$companion = $argv[5] ?? '';
if ($companion !== '') {
    // The parts of WordPress that the outbox needs.
    define('ABSPATH', $root);
    function add_action() {}
    function add_filter() {}
    function wp_salt() { return 'salt'; }
    require $companion;
}
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
    $contents = json_encode($event, JSON_PRETTY_PRINT);
    if ($companion !== '') {
        $outbox = new WPRE_Relay_Outbox($dir, 0644);
        if (!$outbox->add($contents) || !$outbox->replace($path, $contents)) {
            exit("plugin.php: the outbox rejects an event\n");
        }
        $outbox->close();
    } else {
        $file = fopen($path, 'w');
        fwrite($file, $contents);
        fclose($file);
        chmod($path, 0644);
    }
    echo json_encode($event), "\n";
    usleep($gap * 1000);
}
