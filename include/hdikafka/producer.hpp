// producer: records sent one by one, in batches that form by themselves.
#ifndef HDIKAFKA_PRODUCER_HPP
#define HDIKAFKA_PRODUCER_HPP

#include <hdikafka/call_options.hpp>
#include <hdikafka/client.hpp>
#include <hdikafka/detail/base/fwd.hpp>
#include <hdikafka/detail/run/asio.hpp>
#include <hdikafka/producer_options.hpp>
#include <hdikafka/producer_statistics.hpp>
#include <hdikafka/receipt.hpp>
#include <hdikafka/record.hpp>

#include <string>

namespace hdikafka::inline v0_1 {

/// What producer::try_send() gives: whether the record was taken, and where to wait for its receipt. Dropping
/// it changes nothing for the record. From any thread; a handle, copied freely.
template <class Lazy = void>
class [[nodiscard]] basic_delivery
{
public:
    /// A record that was not taken.
    basic_delivery() = default;
    /// For producer::try_send().
    basic_delivery(detail::producer_ptr from, detail::pending_ptr sent);

    /// Whether the record was taken; if not, nothing became of it.
    explicit operator bool() const noexcept { return sent_ != nullptr; }

    /// The record's receipt.
    ///
    /// - Effect: waits; may be called again.
    /// - Completion: the caller resumes on its own executor.
    /// - Errors: those of producer::send(); errc::already_running while somebody else waits for it;
    ///   errc::invalid_option when the record was not taken.
    /// - Cancellation: terminal; the record goes on, and info().persisted() says `possibly`. The same with
    ///   errc::timed_out after the timeout.
    /// - Lifetime: needs neither this handle nor the producer's.
    /// - Thread safety: from any thread, by one at a time.
    net::awaitable<hdikafka::receipt> receipt(call_options options = {}) const;

private:
    detail::producer_ptr producer_;
    detail::pending_ptr sent_;
};

/// The one to use.
using delivery = basic_delivery<>;

/// Sends records that come one by one, from any number of coroutines, in batches: at once when nothing is
/// under way to the same place, and what comes meanwhile together with the next request.
///
///     hk::producer producer(client);
///     auto receipt = co_await producer.send("orders", hk::record("key", "value"));
///
/// Records to one partition keep the order in which their send()s began, if the producer knows the partition
/// (its partitioner or the record chooses it); otherwise records to one topic do, as far as the service keeps
/// it. max_in_flight() above 1 gives that up. A batch whose outcome is unknown (`possibly`) does not hold up
/// the next, which it may follow if the service was still at work on it; so may a second copy with
/// at_least_once(). While a service that refused a batch wants to be left alone (Retry-After), nothing is
/// sent.
///
/// A batch of which nothing was written, because the service cannot be reached or answers 429, goes back to
/// its place in the order, and its records wait there, each until its own deadline: that of its send(), or
/// the client's total_timeout after try_send(). One batch at a time is tried then, for all topics, after
/// rests by the client's retry_policy (half of each drawn at random, at most 5 s), until one gets there. What
/// is refused for good fails at once, and so does everything with max_retries(0).
///
/// A handle, copied freely; it holds a copy of the client. Errors of a batch are those of each of its
/// records.
///
/// Lifetime: destroying the last handle does not block: what has not left fails with errc::closed, what is
/// under way is broken off and says what may have become of it. Call close() before. The executor's context
/// must outlive the handles and what is under way.
///
/// Thread safety: everything may be called from any thread.
///
/// A template for the reason that basic_client is one.
template <class Lazy = void>
class basic_producer
{
public:
    /// Does no I/O. Throws hk::error when an option cannot be used: errc::invalid_count, invalid_option.
    explicit basic_producer(client with, producer_options options = {});

    /// Sends one record.
    ///
    /// - Effect: the record takes its place in the order of all send()s as soon as this is awaited, waits for
    ///   room in the buffer if need be, and travels with the next batch of its partition or topic.
    /// - Completion: the caller resumes on its own executor, with a receipt of one record when its batch had
    /// a
    ///   200. The receipt can still say that this record failed.
    /// - Errors: bad arguments as client::produce(), and errc::too_large for a record that no request of
    ///   max_batch_bytes holds, before anything is sent. errc::closed after close(). errc::timed_out after
    ///   the timeout of the options, or the client's total_timeout, which counts from here. Otherwise those
    ///   of client::produce(): what befalls a batch befalls each of its records. info().persisted() tells
    ///   whether this record may be there all the same. The request id of the options is not used: a batch
    ///   has one of its own, which the error names.
    /// - Cancellation: terminal. A record that has not left is taken back (`none`); one that has is no longer
    ///   waited for (`possibly`), and its batch goes on.
    net::awaitable<receipt> send(std::string topic, record one, call_options options = {}) const;

    /// The same without waiting for room: a delivery that is false when there is none, or when others wait
    /// for it, and nothing becomes of the record. Otherwise nobody has to wait for the receipt, but whoever
    /// does not will not be told what became of the record; statistics() counts it. It has the client's
    /// total_timeout to leave in, and is told that it is over when its lane is looked after next. Throws
    /// hk::error for bad arguments, and errc::closed.
    [[nodiscard]] delivery try_send(std::string topic, record one) const;

    /// Waits until every record that was sent before has its answer.
    ///
    /// - Effect: none of them lingers.
    /// - Completion: the caller resumes on its own executor. How the records fared is told to their senders.
    /// - Errors: errc::timed_out after the timeout of the options, or the client's total_timeout.
    /// - Cancellation: terminal. Like the timeout it changes nothing for the records.
    net::awaitable<void> flush(call_options options = {}) const;

    /// Ends the producer. May be called again.
    ///
    /// - Effect: takes no more records, and waits like flush().
    /// - Completion: the caller resumes on its own executor when every sender has its answer.
    /// - Errors: errc::timed_out after the timeout of the options, or the client's total_timeout. Every
    /// record
    ///   that has not left fails with errc::closed then, and what is under way is broken off.
    /// - Cancellation: terminal, and like the timeout.
    net::awaitable<void> close(call_options options = {}) const;

    /// The producer's figures at this moment.
    producer_statistics statistics() const;

private:
    detail::producer_ptr handle_;
};

/// The one to use.
using producer = basic_producer<>;

} // namespace hdikafka::inline v0_1

#ifndef HDIKAFKA_SEPARATE_COMPILATION
#include <hdikafka/detail/producer/operations.hpp>
#endif

#endif
