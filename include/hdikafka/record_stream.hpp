// record_stream: the records of a partition as an asynchronous generator.
#ifndef HDIKAFKA_RECORD_STREAM_HPP
#define HDIKAFKA_RECORD_STREAM_HPP

#include <hdikafka/call_options.hpp>
#include <hdikafka/consume_options.hpp>
#include <hdikafka/detail/base/fwd.hpp>
#include <hdikafka/detail/run/asio.hpp>
#include <hdikafka/record_batch.hpp>

#include <cstdint>
#include <map>
#include <optional>
#include <string>

namespace hdikafka::inline v0_1 {

/// The records of one partition, or of all of a topic, batch by batch, in offset order within each partition,
/// none lost and none repeated:
///
///     while (auto batch = co_await stream.next())
///         for (auto const& record : *batch) …
///
/// Made by client::consume(). Movable; moving it while next() is under way is allowed, destroying it
/// lets that next() end by itself, and ends what is read ahead.
///
/// Lifetime: what is under way keeps alive what it needs, also when the stream is destroyed; the executor's
/// context must outlive it.
///
/// Thread safety: one next() at a time (errc::already_running); all else may be called from any thread.
///
/// A template for the reason that basic_client is one.
template <class Lazy = void>
class basic_record_stream
{
public:
    /// For client::consume().
    basic_record_stream(detail::client_ptr owner, std::string topic, std::optional<std::int32_t> partition,
                        consume_options options);

    /// The next records; nullopt when everything up to until() has been handed over.
    ///
    /// - Effect: reads on from position(). Without until() it waits for more, as long as the call's timeout
    ///   allows; without a timeout for ever. It also waits while all that is left is paused, and, without
    ///   until(), for a topic that has no partitions yet. A batch is never empty. Partitions hand over in
    ///   turn: one that has a batch waits for each of the others once at most. At the end of its partition a
    ///   stream over one polls it by reading; of all of them one request for their list, a poll, tells which
    ///   have more.
    /// - Completion: the caller resumes on its own executor, with a batch that owns its bytes.
    /// - Errors: those of client::fetch; errc::offset_below_earliest when retention deleted records
    ///   before they were read, offset_above_latest when the topic became shorter, unreadable_record when
    ///   the service keeps silent about records it has; these three stay until a new stream is made. Of
    ///   several partitions those that are left go on, and it is told again when none is.
    ///   errc::already_running when another next() is under way; errc::timed_out after the timeout.
    /// - Cancellation: terminal. A cancelled, timed-out or otherwise failed next() consumes nothing: the
    ///   next one goes on from the same position. What it has begun goes on without it, for the next one,
    ///   each request within the client's total_timeout(): calls that have less time than an answer takes
    ///   read everything all the same. A failure that comes while no next() waits is told to the one after.
    ///   Only close(), pause() and the end of the stream give up what is under way; while no next() waits no
    ///   poll begins, and nothing but the answers that read_ahead() and parallelism() ask for. Asio's `||`
    ///   may throw a finished batch away, which then counts as handed over: use the timeout instead.
    net::awaitable<std::optional<record_batch>> next(call_options options = {});

    /// One record at a time, which keeps its bytes alive by itself; otherwise like next(). The two may be
    /// mixed: next() gives what is left of the batch.
    net::awaitable<std::optional<shared_record>> next_record(call_options options = {});

    /// The offset that the next record handed over has at least; -1 until it is known, and of a stream over
    /// all partitions. From any thread, as all that follows.
    std::int64_t position() const;

    /// The same for each partition that the stream knows of.
    std::map<std::int32_t, std::int64_t> positions() const;

    /// Whether all positions had reached their high watermarks when those were last looked at. False while
    /// nothing is known of a partition: before its first read, also of one that appears later, and while it
    /// has no leader.
    bool caught_up() const;

    /// Hands over nothing more of a partition until resume(), from now on: what was read ahead, and what
    /// next_record() has left of a batch, is kept and comes after that; the position stays, and a read under
    /// way is given up. What is kept counts for buffer_bytes(), and keeps no other partition from going on.
    /// Of a stream over one partition next() then waits for resume(), its timeout or close().
    /// Throws hk::error (errc::invalid_partition) when the stream does not know the partition: one over all
    /// of them knows them after its first next().
    void pause(std::int32_t partition);

    /// Ends a pause(); a next() under way takes notice.
    void resume(std::int32_t partition);

    /// How many offsets lie between the position and the high watermark, of all partitions together. Offsets
    /// have gaps, so there may be fewer records. Never negative. Before the first next() it counts from where
    /// from() says, as no checkpoint has been loaded yet. A partition that appears while the stream runs will
    /// be read from its beginning, and is behind by all that it has; the stream knows it from then on.
    /// Where a partition ends with offsets that have no records (markers of transactions, say) it counts from
    /// behind them as soon as that is known. Partitions without a leader have no watermarks, and are left
    /// out.
    ///
    /// - Effect: reads the watermarks; the position stays.
    /// - Completion: the caller resumes on its own executor.
    /// - Errors: those of client::partition, or of client::partitions for a stream over all of them.
    /// - Cancellation: terminal; it disturbs no next().
    net::awaitable<std::int64_t> lag(call_options options = {}) const;

    /// The same by partition.
    ///
    /// - Effect: reads the watermarks; the positions stay.
    /// - Completion: the caller resumes on its own executor.
    /// - Errors: those of client::partition, or of client::partitions for a stream over all of them.
    /// - Cancellation: terminal; it disturbs no next().
    net::awaitable<std::map<std::int32_t, std::int64_t>> lags(call_options options = {}) const;

    /// Keeps in the stream's checkpoint() that everything up to the end of this batch is processed: a stream
    /// that is made later goes on behind it. Nothing else ever saves: what was handed over and not committed
    /// is read again after a restart.
    ///
    /// - Effect: one checkpoint_store::save(), of the batch's partition. An older batch sets the checkpoint
    /// back.
    /// - Completion: the caller resumes on its own executor when the store has it.
    /// - Errors: errc::invalid_option without a checkpoint(), errc::no_records for an empty batch,
    ///   errc::invalid_partition for one of a partition that the stream does not read; what the store throws.
    /// - Cancellation: up to the store; file_checkpoint_store carries out what has begun.
    net::awaitable<void> commit(record_batch batch);

    /// The same for everything up to this record, which next_record() gave.
    ///
    /// - Effect: one checkpoint_store::save(), of the record's partition.
    /// - Completion: the caller resumes on its own executor when the store has it.
    /// - Errors: errc::invalid_option without a checkpoint(), errc::invalid_partition for a record of a
    /// partition
    ///   that the stream does not read; what the store throws.
    /// - Cancellation: up to the store; file_checkpoint_store carries out what has begun.
    net::awaitable<void> commit(shared_record record);

    /// Ends a next() under way, and all later ones, with errc::closed.
    void close();

private:
    detail::stream_ptr state_;
};

/// The one to use.
using record_stream = basic_record_stream<>;

} // namespace hdikafka::inline v0_1

#ifndef HDIKAFKA_SEPARATE_COMPILATION
#include <hdikafka/detail/stream/stream.hpp>
#endif

#endif
