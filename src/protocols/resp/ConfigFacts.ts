/**
 * ConfigFacts: the names that CONFIG of 7.0.15 knows, one a line: name, kind and default between tabs, or `=` and the name that it is another
 * name of. Kinds: bool; int and its bounds; enum and its words; memory (bytes, with or without a unit); percent (the same, or of the
 * memory); text; own (checked by a rule of its own); fixed (at the start only); protected (where that is switched on only).
 */
export const configFacts = `
acl-pubsub-default	enum allchannels resetchannels	resetchannels
aclfile	fixed
acllog-max-len	int 0 9223372036854775807	128
active-defrag-cycle-max	int 1 99	25
active-defrag-cycle-min	int 1 99	1
active-defrag-ignore-bytes	memory	104857600
active-defrag-max-scan-fields	int 1 9223372036854775807	1000
active-defrag-threshold-lower	int 0 1000	10
active-defrag-threshold-upper	int 0 1000	100
active-expire-effort	int 1 10	1
activedefrag	bool	no
activerehashing	bool	yes
always-show-logo	fixed	no
aof-disable-auto-gc	bool	no
aof-load-truncated	bool	yes
aof-rewrite-incremental-fsync	bool	yes
aof-timestamp-enabled	bool	no
aof-use-rdb-preamble	bool	yes
aof_rewrite_cpulist	fixed
appenddirname	fixed	appendonlydir
appendfilename	fixed	appendonly.aof
appendfsync	enum everysec always no	everysec
appendonly	bool	no
auto-aof-rewrite-min-size	memory	67108864
auto-aof-rewrite-percentage	int 0 2147483647	100
bgsave_cpulist	fixed
bind	text	* -::*
bind-source-addr	text
bio_cpulist	fixed
busy-reply-threshold	int 0 9223372036854775807	5000
client-output-buffer-limit	own	normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60
client-query-buffer-limit	memory	1073741824
cluster-allow-pubsubshard-when-down	bool	yes
cluster-allow-reads-when-down	bool	no
cluster-allow-replica-migration	bool	yes
cluster-announce-bus-port	int 0 65535	0
cluster-announce-hostname	text
cluster-announce-ip	text
cluster-announce-port	int 0 65535	0
cluster-announce-tls-port	int 0 65535	0
cluster-config-file	fixed	nodes.conf
cluster-enabled	fixed	no
cluster-link-sendbuf-limit	memory	0
cluster-migration-barrier	int 0 2147483647	1
cluster-node-timeout	int 0 9223372036854775807	15000
cluster-port	fixed	0
cluster-preferred-endpoint-type	enum ip hostname unknown-endpoint	ip
cluster-replica-no-failover	bool	no
cluster-replica-validity-factor	int 0 2147483647	10
cluster-require-full-coverage	bool	yes
cluster-slave-no-failover	=cluster-replica-no-failover
cluster-slave-validity-factor	=cluster-replica-validity-factor
crash-log-enabled	bool	yes
crash-memcheck-enabled	bool	yes
daemonize	fixed	no
databases	fixed	16
dbfilename	protected	dump.rdb
dir	protected	.
disable-thp	fixed	yes
dynamic-hz	bool	yes
enable-debug-command	fixed	no
enable-module-command	fixed	no
enable-protected-configs	fixed	no
hash-max-listpack-entries	int 0 9223372036854775807	512
hash-max-listpack-value	memory	64
hash-max-ziplist-entries	=hash-max-listpack-entries
hash-max-ziplist-value	=hash-max-listpack-value
hll-sparse-max-bytes	memory	3000
hz	int 0 2147483647	10
ignore-warnings	text
io-threads	fixed	1
io-threads-do-reads	fixed	no
jemalloc-bg-thread	bool	yes
latency-monitor-threshold	int 0 9223372036854775807	0
latency-tracking	bool	yes
latency-tracking-info-percentiles	own	50 99 99.9
lazyfree-lazy-eviction	bool	no
lazyfree-lazy-expire	bool	no
lazyfree-lazy-server-del	bool	no
lazyfree-lazy-user-del	bool	no
lazyfree-lazy-user-flush	bool	no
lfu-decay-time	int 0 2147483647	1
lfu-log-factor	int 0 2147483647	10
list-compress-depth	int 0 2147483647	0
list-max-listpack-size	int -2147483648 2147483647	-2
list-max-ziplist-size	=list-max-listpack-size
logfile	fixed
loglevel	enum debug verbose notice warning	notice
lua-time-limit	=busy-reply-threshold
masterauth	text
masteruser	text
maxclients	int 1 4294967295	10000
maxmemory	memory	0
maxmemory-clients	percent	0
maxmemory-eviction-tenacity	int 0 100	10
maxmemory-policy	enum volatile-lru volatile-lfu volatile-random volatile-ttl allkeys-lru allkeys-lfu allkeys-random noeviction	noeviction
maxmemory-samples	int 1 2147483647	5
min-replicas-max-lag	int 0 2147483647	10
min-replicas-to-write	int 0 2147483647	0
min-slaves-max-lag	=min-replicas-max-lag
min-slaves-to-write	=min-replicas-to-write
no-appendfsync-on-rewrite	bool	no
notify-keyspace-events	own
oom-score-adj	enum no yes relative absolute	no
oom-score-adj-values	own	0 200 800
pidfile	fixed
port	int 0 65535	6379
proc-title-template	text	{title} {listen-addr} {server-mode}
propagation-error-behavior	enum ignore panic panic-on-replicas	ignore
protected-mode	bool	yes
proto-max-bulk-len	memory	536870912
rdb-del-sync-files	bool	no
rdb-save-incremental-fsync	bool	yes
rdbchecksum	fixed	yes
rdbcompression	bool	yes
repl-backlog-size	memory	1048576
repl-backlog-ttl	int 0 9223372036854775807	3600
repl-disable-tcp-nodelay	bool	no
repl-diskless-load	enum disabled on-empty-db swapdb	disabled
repl-diskless-sync	bool	yes
repl-diskless-sync-delay	int 0 2147483647	5
repl-diskless-sync-max-replicas	int 0 2147483647	0
repl-ping-replica-period	int 1 2147483647	10
repl-ping-slave-period	=repl-ping-replica-period
repl-timeout	int 1 2147483647	60
replica-announce-ip	text
replica-announce-port	int 0 65535	0
replica-announced	bool	yes
replica-ignore-disk-write-errors	bool	no
replica-ignore-maxmemory	bool	yes
replica-lazy-flush	bool	no
replica-priority	int 0 2147483647	100
replica-read-only	bool	yes
replica-serve-stale-data	bool	yes
replicaof	fixed
requirepass	text
sanitize-dump-payload	enum no yes clients	no
save	own	3600 1 300 100 60 10000
server_cpulist	fixed
set-max-intset-entries	int 0 9223372036854775807	512
set-proc-title	fixed	yes
shutdown-on-sigint	enum default save nosave now force	default
shutdown-on-sigterm	enum default save nosave now force	default
shutdown-timeout	int 0 2147483647	10
slave-announce-ip	=replica-announce-ip
slave-announce-port	=replica-announce-port
slave-ignore-maxmemory	=replica-ignore-maxmemory
slave-lazy-flush	=replica-lazy-flush
slave-priority	=replica-priority
slave-read-only	=replica-read-only
slave-serve-stale-data	=replica-serve-stale-data
slaveof	=replicaof
slowlog-log-slower-than	int -1 9223372036854775807	10000
slowlog-max-len	int 0 9223372036854775807	128
socket-mark-id	fixed	0
stop-writes-on-bgsave-error	bool	yes
stream-node-max-bytes	memory	4096
stream-node-max-entries	int 0 9223372036854775807	100
supervised	fixed	no
syslog-enabled	fixed	no
syslog-facility	fixed	local0
syslog-ident	fixed	redis
tcp-backlog	fixed	511
tcp-keepalive	int 0 2147483647	300
timeout	int 0 2147483647	0
tls-auth-clients	enum no yes optional	yes
tls-ca-cert-dir	text
tls-ca-cert-file	text
tls-cert-file	text
tls-ciphers	text
tls-ciphersuites	text
tls-client-cert-file	text
tls-client-key-file	text
tls-client-key-file-pass	text
tls-cluster	bool	no
tls-dh-params-file	text
tls-key-file	text
tls-key-file-pass	text
tls-port	int 0 65535	0
tls-prefer-server-ciphers	bool	no
tls-protocols	text
tls-replication	bool	no
tls-session-cache-size	int 0 2147483647	20480
tls-session-cache-timeout	int 0 2147483647	300
tls-session-caching	bool	yes
tracking-table-max-keys	int 0 9223372036854775807	1000000
unixsocket	fixed
unixsocketperm	fixed	0
zset-max-listpack-entries	int 0 9223372036854775807	128
zset-max-listpack-value	memory	64
zset-max-ziplist-entries	=zset-max-listpack-entries
zset-max-ziplist-value	=zset-max-listpack-value
`

/** Names that are there and that a pattern does not find. */
export const hiddenFacts = `
key-load-delay	int -2147483648 2147483647	0
rdb-key-save-delay	int -2147483648 2147483647	0
loading-process-events-interval-bytes	int 1024 2147483647	2097152
`
