/**
 * Families: what the differential test sends, as templates (`Grammar.ts`). Every family of commands that answers from data, and a few lines of
 * others that change the types of its keys. Sequences begin with lines marked `+`, so that there is something to ask for. What depends on chance or on the machine is asked so that both servers must say the same.
 */

const strings = `
+ SET $key $value [EX $second|PX 500000000|EXAT 33177117420|PXAT 33177117420000|KEEPTTL] [NX|XX] [GET]
SET $key $big
GET $key
SETNX $key $value
SETEX $key $second $value
PSETEX $key 500000000 $value
GETSET $key $value
GETDEL $key
GETEX $key [PERSIST|EX $second|PX 500000000|PXAT 33177117420000]
MGET $key...
MSET ($key $value)...
MSETNX ($key $value)...
APPEND $key $value
STRLEN $key
(INCR|DECR) $key
(INCRBY|DECRBY) $key ($int|$big)
INCRBYFLOAT $key $float
(GETRANGE|SUBSTR) $key $int $int
SETRANGE $key $offset $value
LCS $key $key [LEN|IDX [MINMATCHLEN $count] [WITHMATCHLEN]]
OBJECT ENCODING $key
LPUSH $key $value
`

const keys = `
+ SET $key $value [EX $second]
+ RPUSH $key $value...
+ HSET $key $field $value
+ SADD $key $member...
+ ZADD $key $float $member
+ XADD $key 5-1 f v
DEL $key...
UNLINK $key...
EXISTS $key...
TYPE $key
TOUCH $key...
RENAME $key $key
RENAMENX $key $key
COPY $key $key [DB $db] [REPLACE]
MOVE $key $db
KEYS $pattern
DBSIZE
SELECT (0|1)
SWAPDB $db $db
(EXPIRE|PEXPIRE) $key (123456789|$second) [NX|XX|GT|LT]
(EXPIREAT|PEXPIREAT) $key $moment [NX|XX|GT|LT]
(TTL|PTTL|EXPIRETIME|PEXPIRETIME|PERSIST) $key
SCAN 0 COUNT 1000 [MATCH $pattern] [TYPE (string|list|set|zset|hash|stream)]
OBJECT (ENCODING|REFCOUNT) $key
RANDOMKEY
(FLUSHDB|FLUSHALL) [ASYNC|SYNC]
SORT $key [BY (nosort|w_*)] [LIMIT $int $int] [ASC|DESC] [ALPHA] [STORE $key]
SORT_RO $key [GET #] [ALPHA]
OBJECT HELP
WAIT 0 0
DUMP nothing
RESTORE $key 0 garbage
`

const lists = `
+ (LPUSH|RPUSH) $lkey $value...
(LPUSHX|RPUSHX) $lkey $value...
(LPOP|RPOP) $lkey [$count|0]
LLEN $lkey
LINDEX $lkey $int
LSET $lkey $int $value
LRANGE $lkey (0 -1|$int $int)
LTRIM $lkey $int $int
LREM $lkey $int $value
LINSERT $lkey (BEFORE|AFTER) $value $value
LPOS $lkey $value [RANK $int] [COUNT $int] [MAXLEN $int]
LMOVE $lkey $lkey (LEFT|RIGHT) (LEFT|RIGHT)
RPOPLPUSH $lkey $lkey
LMPOP ($count|1) $lkey (LEFT|RIGHT) [COUNT $int]
LMPOP 2 $lkey $lkey (LEFT|RIGHT) [COUNT $count]
(BLPOP|BRPOP) $lkey $lkey 0.01
BLMOVE $lkey $lkey (LEFT|RIGHT) (LEFT|RIGHT) 0.01
BRPOPLPUSH $lkey $lkey 0.01
BLMPOP 0.01 1 $lkey (LEFT|RIGHT) [COUNT $count]
OBJECT ENCODING $lkey
SORT $lkey [ALPHA] [DESC] [LIMIT 0 3]
SET a $value
DEL $lkey
`

const sets = `
+ SADD $skey $member...
SREM $skey $member...
SMEMBERS $skey
SISMEMBER $skey $member
SMISMEMBER $skey $member...
SCARD $skey
SMOVE $skey $skey $member
(SINTER|SUNION|SDIFF) $skey...
(SINTERSTORE|SUNIONSTORE|SDIFFSTORE) $skey $skey...
SINTERCARD 2 $skey $skey [LIMIT $int]
SPOP $skey 100
SRANDMEMBER $skey [$int]
SSCAN $skey 0 [MATCH $pattern] COUNT 1000
OBJECT ENCODING $skey
SORT $skey ALPHA
SET a $value
DEL $skey
`

const hashes = `
+ HSET $hkey ($field $value)...
HMSET $hkey ($field $value)...
HSETNX $hkey $field $value
HGET $hkey $field
HMGET $hkey $field...
HGETALL $hkey
(HKEYS|HVALS|HLEN) $hkey
HDEL $hkey $field...
HEXISTS $hkey $field
HSTRLEN $hkey $field
HINCRBY $hkey $field ($int|$big)
HINCRBYFLOAT $hkey $field $float
HRANDFIELD $hkey [$int [WITHVALUES]]
HSCAN $hkey 0 [MATCH $pattern] COUNT 1000
OBJECT ENCODING $hkey
SET a $value
DEL $hkey
`

const sorted = `
+ ZADD $zkey [NX|XX|GT|LT] [CH] ($float $member)...
ZADD $zkey [XX|GT|LT|NX] INCR $float $member
ZINCRBY $zkey $float $member
ZREM $zkey $member...
ZSCORE $zkey $member
ZMSCORE $zkey $member...
(ZRANK|ZREVRANK) $zkey $member
ZCARD $zkey
ZCOUNT $zkey $bound $bound
+ ZADD zl (0 $member)...
ZLEXCOUNT zl $lex $lex
ZRANGE $zkey $int $int [REV] [WITHSCORES]
ZRANGE $zkey 0 -1 WITHSCORES
ZRANGE $zkey $bound $bound BYSCORE [REV] [LIMIT $int $int] [WITHSCORES]
ZRANGE zl $lex $lex BYLEX [REV] [LIMIT $int $int]
ZRANGESTORE $zkey $zkey $int $int
ZRANGESTORE $zkey $zkey $bound $bound BYSCORE [LIMIT 0 $count]
ZREVRANGE $zkey $int $int [WITHSCORES]
(ZRANGEBYSCORE|ZREVRANGEBYSCORE) $zkey $bound $bound [WITHSCORES] [LIMIT $int $int]
(ZRANGEBYLEX|ZREVRANGEBYLEX) zl $lex $lex [LIMIT $int $int]
ZREMRANGEBYRANK $zkey $int $int
ZREMRANGEBYSCORE $zkey $bound $bound
ZREMRANGEBYLEX zl $lex $lex
(ZPOPMIN|ZPOPMAX) $zkey [$count|0]
ZMPOP 2 $zkey $zkey (MIN|MAX) [COUNT $count]
(BZPOPMIN|BZPOPMAX) $zkey $zkey 0.01
BZMPOP 0.01 1 $zkey (MIN|MAX) [COUNT $count]
(ZUNION|ZINTER) 2 $zkey $zkey [WEIGHTS $float $float] [AGGREGATE (SUM|MIN|MAX)] [WITHSCORES]
ZDIFF 2 $zkey $zkey [WITHSCORES]
(ZUNIONSTORE|ZINTERSTORE) $zkey 2 $zkey ($zkey|s1) [WEIGHTS $int $float] [AGGREGATE (SUM|MIN|MAX)]
ZDIFFSTORE $zkey 2 $zkey $zkey
ZINTERCARD 2 $zkey $zkey [LIMIT $int]
ZRANDMEMBER $zkey [$int [WITHSCORES]]
ZSCAN $zkey 0 [MATCH $pattern] COUNT 1000
OBJECT ENCODING $zkey
SORT $zkey ALPHA
SADD s1 $member...
SET a $value
DEL $zkey
`

const streams = `
XADD $xkey [NOMKSTREAM] [MAXLEN (2|= 3|~ 2)|MINID (2|= 2-1)] $id ($field $value)...
+ XADD $xkey $id f v
XLEN $xkey
XRANGE $xkey $edge $edge [COUNT $int]
XRANGE $xkey - +
XREVRANGE $xkey $edge $edge [COUNT $int]
XREAD [COUNT $count] STREAMS $xkey $at
XREAD [COUNT $count] [BLOCK 10] STREAMS $xkey $xkey $at ($at|$)
XDEL $xkey $id...
XTRIM $xkey (MAXLEN|MINID) [=|~] $count [LIMIT $int]
XSETID $xkey $id [ENTRIESADDED $int MAXDELETEDID $id]
+ XGROUP CREATE $xkey $group ($|$at) [MKSTREAM] [ENTRIESREAD $int]
XGROUP (SETID $xkey $group ($|$at)|DESTROY $xkey $group)
XGROUP (CREATECONSUMER|DELCONSUMER) $xkey $group $consumer
XREADGROUP GROUP $group $consumer [COUNT $count] [NOACK] STREAMS $xkey (>|$at)
+ XREADGROUP GROUP $group $consumer STREAMS $xkey >
XACK $xkey $group $id...
XPENDING $xkey $group
XPENDING $xkey $group [IDLE 0] - + 10 [$consumer]
XCLAIM $xkey $group $consumer 0 $id... [IDLE 5|TIME 1000|RETRYCOUNT $count|FORCE|JUSTID|LASTID $id]
XAUTOCLAIM $xkey $group $consumer 0 $edge [COUNT $count] [JUSTID]
XINFO STREAM $xkey [FULL [COUNT $int]]
XINFO GROUPS $xkey
XINFO CONSUMERS $xkey $group
OBJECT ENCODING $xkey
TYPE $xkey
SET a $value
DEL $xkey
`

const bits = `
+ SET $key $value
+ SETBIT $key $offset $bit
GETBIT $key $offset
BITCOUNT $key [$int $int [BYTE|BIT]]
BITPOS $key $bit [$int [$int [BYTE|BIT]]]
BITOP (AND|OR|XOR) $key $key...
BITOP NOT $key $key
BITFIELD $key [OVERFLOW (WRAP|SAT|FAIL)] (GET|SET|INCRBY) (u8|i5|u63|i64|u64) (0|#1|7) $int
BITFIELD $key (GET u4 $offset)... SET u8 #0 $int [OVERFLOW SAT] INCRBY i8 $offset 100
BITFIELD_RO $key (GET u4 $offset)...
GET $key
LPUSH $key x
DEL $key
`

const logs = `
+ PFADD $pkey $member...
PFADD $pkey
PFCOUNT $pkey...
PFMERGE $pkey $pkey...
GET $pkey
STRLEN $pkey
SET a $value
DEL $pkey
`

const geo = `
GEOADD $gkey [NX|XX] [CH] ($longitude $latitude $place)...
+ GEOADD $gkey ($longitude $latitude $place)...
GEOPOS $gkey $place...
GEODIST $gkey $place $place [$unit]
GEOHASH $gkey $place...
GEOSEARCH $gkey (FROMMEMBER $place|FROMLONLAT $longitude $latitude) (BYRADIUS 500 $unit|BYBOX 400 400 km) [ASC|DESC] [COUNT $count [ANY]] [WITHCOORD] [WITHDIST] [WITHHASH]
GEOSEARCHSTORE g2 $gkey FROMLONLAT 15 37 BYRADIUS 20000 km [ASC]
GEOSEARCHSTORE g3 g1 FROMLONLAT 15 37 BYRADIUS 20000 km STOREDIST
(GEORADIUS|GEORADIUS_RO) $gkey 15 37 200 km [WITHDIST] [WITHCOORD] [COUNT $count] [ASC|DESC]
GEORADIUSBYMEMBER $gkey $place 200 km [WITHDIST] [ASC]
GEORADIUS $gkey 15 37 20000 km STORE g2
GEORADIUS g1 15 37 20000 km STOREDIST g3
ZRANGE $gkey 0 -1 WITHSCORES
SET a $value
DEL $gkey
`

const transactions = `
MULTI
EXEC
DISCARD
WATCH $key...
UNWATCH
+ SET $key $value
INCR $key
GET $key
LPUSH $key $value
BLPOP $key 0.01
NOSUCHCOMMAND
SELECT 1
SELECT 0
PING
EXEC
`

const connection = `
PING [$value]
ECHO $value
HELLO [2|3|4|$int]
HELLO (2|3) SETNAME $field
SELECT $db
CLIENT (GETNAME|SETNAME $field|NO-EVICT (on|off)|REPLY ON|GETREDIR|TRACKINGINFO|HELP|CACHING (yes|no))
CLIENT TRACKING (on|off) [BCAST|OPTIN|OPTOUT] [NOLOOP]
COMMAND (COUNT|INFO (get|nothing|xgroup)...|DOCS (get|nothing|config)...|LIST FILTERBY (ACLCAT geo|PATTERN x*|MODULE m)|HELP)
COMMAND (GETKEYS|GETKEYSANDFLAGS) (SET $key $value GET|MSET ($key $value)...|SORT $key STORE $key|ZUNIONSTORE $key $count $key $key|XREAD STREAMS $key $key 0 0|EVAL x $count $key $key|PING)
CONFIG GET (maxmemory*|hash-max-*|appendonly|no*thing|save)
CONFIG SET (maxmemory 100mb|hash-max-ziplist-entries $int|nothing 1|maxmemory-policy $value|list-max-listpack-size -2|daemonize yes)
PUBLISH $field $value
PUBSUB (CHANNELS|NUMSUB $field|NUMPAT|SHARDCHANNELS|SHARDNUMSUB $field|HELP)
ACL (WHOAMI|CAT|USERS|HELP)
AUTH $value [$value]
DEBUG JMAP
OBJECT FREQ a
MEMORY (HELP|USAGE nothing)
SLOWLOG (RESET|HELP)
LATENCY (RESET|HELP)
CLUSTER (KEYSLOT $key|INFO)
ASKING
READONLY
LASTSAVE nothing
RESET
`

export const families: Readonly<Record<string, string>> = {
  strings,
  keys,
  lists,
  sets,
  hashes,
  sorted,
  streams,
  bits,
  logs,
  geo,
  transactions,
  connection
}

/** Every family at once: keys of one are met by commands of another. */
export const mixed: string = Object.entries(families)
  .filter(([name]) => name !== "connection")
  .map(([, templates]) => templates.trim())
  .join("\n")
  .replaceAll(/\$[hlszxgp]key/g, "$key")
