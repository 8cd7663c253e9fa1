"""How the databases under the indexes of one process are set up, and what they share."""

from __future__ import annotations

from rocksdict import (
    BlockBasedIndexType,
    BlockBasedOptions,
    Cache,
    DBCompressionType,
    DBRecoveryMode,
    Options,
    WriteBufferManager,
)

_CACHE_BYTES = 64 << 20
_WRITE_BUFFERS_BYTES = 64 << 20
_MEMTABLE_BYTES = 16 << 20
_MEMTABLE_STEP_BYTES = 64 << 10
_WAL_BYTES = 64 << 20
FILE_BYTES = 128 << 20
_BLOOM_BITS = 10
# 1,024 names looked up at once mostly share parts of this size, also among sixteen million.
_PART_BYTES = 32 << 10
# Ten of these are RocksDB's own. An idle database keeps six descriptors and at most a quarter of the rest open as table
# files: three, so that a hundred databases stay under 1,024. A busy one keeps 14, which are 1.8 GB of rows.
_OPEN_FILES = 24


class RocksShared:
    """Memory that all indexes of a process share: one cache of blocks, one budget of unwritten rows.

    Make one in a process and hand it to every index; each of the two is 64 MB.
    """

    def __init__(self) -> None:
        self.cache = Cache(_CACHE_BYTES)
        # Never stalls: a full budget makes the biggest index flush, it does not make the others wait.
        self.write_buffers = WriteBufferManager(_WRITE_BUFFERS_BYTES, allow_stall=False)


def database_options(shared: RocksShared, *, create: bool) -> Options:
    """Options of a database and of its default column family."""
    options = family_options(shared, bloom=False)
    options.create_if_missing(create)
    options.set_error_if_exists(create)
    options.create_missing_column_families(create)
    options.set_write_buffer_manager(shared.write_buffers)
    options.set_max_open_files(_OPEN_FILES)
    # In one part, all of it is there for whichever files are read.
    options.set_table_cache_num_shard_bits(0)
    options.set_max_file_opening_threads(1)
    options.set_max_total_wal_size(_WAL_BYTES)
    # A torn tail is what a crash leaves and was never acknowledged; damage before it must not pass silently.
    options.set_wal_recovery_mode(DBRecoveryMode.tolerate_corrupted_tail_records())
    options.set_manifest_preallocation_size(64 << 10)
    options.set_keep_log_file_num(2)
    options.set_max_log_file_size(1 << 20)
    options.set_stats_dump_period_sec(0)
    options.set_stats_persist_period_sec(0)
    return options


def family_options(shared: RocksShared, *, bloom: bool) -> Options:
    """Options of a column family; `bloom` where absent keys are often asked for."""
    options = Options(raw_mode=True)
    options.set_block_based_table_factory(_table_format(shared, bloom=bloom))
    options.set_write_buffer_size(_MEMTABLE_BYTES)
    options.set_arena_block_size(_MEMTABLE_STEP_BYTES)
    options.set_target_file_size_base(FILE_BYTES)
    # Keys are digests: they do not compress.
    options.set_compression_type(DBCompressionType.none())
    return options


def _table_format(shared: RocksShared, *, bloom: bool) -> BlockBasedOptions:
    table = BlockBasedOptions()
    table.set_format_version(5)
    table.set_block_cache(shared.cache)
    # Filters and indexes of all volumes count against the one cache; in parts, so that a cold one is no burden.
    table.set_cache_index_and_filter_blocks(True)
    table.set_index_type(BlockBasedIndexType.two_level_index_search())
    table.set_metadata_block_size(_PART_BYTES)
    if bloom:
        table.set_bloom_filter(_BLOOM_BITS, False)
        table.set_partition_filters(True)
    return table
