// client: the operations of the Kafka REST proxy as awaitables.
#ifndef HDIKAFKA_CLIENT_HPP
#define HDIKAFKA_CLIENT_HPP

#include <hdikafka/call_options.hpp>
#include <hdikafka/client_options.hpp>
#include <hdikafka/consume_options.hpp>
#include <hdikafka/detail/base/fwd.hpp>
#include <hdikafka/detail/run/asio.hpp>
#include <hdikafka/metadata.hpp>
#include <hdikafka/milliseconds.hpp>
#include <hdikafka/offsets.hpp>
#include <hdikafka/receipt.hpp>
#include <hdikafka/record.hpp>
#include <hdikafka/record_batch.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace hdikafka::inline v0_1 {

template <class Lazy>
class basic_record_stream;
/// What consume() gives: <hdikafka/record_stream.hpp>.
using record_stream = basic_record_stream<void>;

/// A client of one cluster's REST proxy: a cheap handle, copied freely.
///
/// What all operations have in common:
/// - Effect: arguments are checked before any byte is sent. They are taken by value: nothing given to a
///   call must outlive it. The work runs on the client's executor, for each call on one thread at a time.
/// - Completion: the caller resumes on its own executor. Other completion styles come from Asio:
///   `asio::co_spawn(executor, client.topics(), asio::use_future)`.
/// - Errors: hk::error, which names operation, topic and cause; `co_await hk::as_result(client.topics())`
///   gives it as a value. Bad arguments are errc::invalid_… and no_records; time is errc::timed_out,
///   connect_timeout and idle_timeout; identity is errc::unauthorized, forbidden, token_refused and
///   no_credential. See errc for the rest.
/// - Cancellation: terminal, wherever the call waits. It ends with asio::error::operation_aborted, and
///   info().persisted() says what became of a produce. The connection in use is closed. A partial or total
///   cancellation, which a coroutine has to ask Asio for, does nothing: the call goes on to its end.
/// - Lifetime: a call keeps alive what it needs; destroying the last handle cancels nothing. With no
///   call in flight a client holds no outstanding work, so that io_context::run() returns. It does hold
///   connections: the executor's context must outlive every handle, every stream, and every call whose
///   caller runs on another context.
/// - Thread safety: any number of calls at once, from any number of threads and coroutines.
///
/// Source: HDInsight Kafka REST proxy API v1.
///
/// It is a template so that a program compiles the operations that it calls and no others; the parameter
/// has no other use.
template <class Lazy = void>
class basic_client
{
public:
    /// Does no I/O. Throws hk::error when an option cannot be used: errc::invalid_endpoint,
    /// invalid_option, invalid_count.
    basic_client(net::any_io_executor executor, client_options options);

    /// What the service says of itself: its text, that of a JSON string without the quotes. Asks without a
    /// token, and with one when it is refused and the client has a credential; it needs none.
    net::awaitable<std::string> status(call_options options = {}) const;

    /// The brokers of the cluster.
    net::awaitable<std::vector<broker>> brokers(call_options options = {}) const;

    /// The names of the topics. One that was just created takes seconds to show.
    net::awaitable<std::vector<std::string>> topics(call_options options = {}) const;

    /// The partitions of a topic with their watermarks, leaders and replicas; also those that cannot be used
    /// at the moment, which say so: see partition_info::available(). An entry without an id is
    /// errc::invalid_response.
    net::awaitable<std::vector<partition_info>> partitions(std::string topic,
                                                           call_options options = {}) const;

    /// One partition of a topic; one that cannot be used at the moment says so.
    net::awaitable<partition_info> partition(std::string topic, std::int32_t id,
                                             call_options options = {}) const;

    /// Creates a topic; errc::already_exists when it is there. A retry that finds it after an attempt
    /// whose outcome was unknown counts as success when it has the partitions asked for.
    net::awaitable<void> create_topic(std::string topic, topic_config config = {},
                                      call_options options = {}) const;

    /// Deletes a topic. Not every proxy offers it: errc::not_supported. A retry that no longer finds the
    /// topic after an attempt whose outcome was unknown counts as success.
    net::awaitable<void> delete_topic(std::string topic, call_options options = {}) const;

    /// Waits until the topic can be used: until three looks in a row, over different connections and so,
    /// mostly, at different nodes of the service, have seen it with partitions that all have a leader. Looks
    /// again at growing intervals (100 ms up to 5 s) as long as one has not. Ends with errc::timed_out after
    /// `timeout`, which replaces that of the options; the message says what was missing.
    ///
    /// For ten seconds after that, and after create_topic(), errc::not_found for the topic is tried again for
    /// some seconds: it comes from a node that is behind, which wrote nothing. Not when retries are off.
    net::awaitable<void> wait_for_topic(std::string topic, milliseconds timeout,
                                        call_options options = {}) const;

    /// Writes records. The receipt says for each of them what became of it; there is one for every 200
    /// that the API describes, and an exception for everything else.
    ///
    /// Once a byte of them was written, records are not sent again by themselves, except after 401 and
    /// 429, which refuse them; retry_policy::at_least_once lifts that. When the call fails,
    /// info().persisted() tells whether the records may be there all the same.
    ///
    /// Some services are silent about a topic that does not exist. After errc::timed_out or idle_timeout,
    /// with records sent, the list of topics is looked at once, and the message says when the topic is not in
    /// it. A tenth of the call's time, a second at most, is kept for that.
    net::awaitable<receipt> produce(std::string topic, records list, call_options options = {}) const;

    /// Reads up to `count` records from `offset` on: fewer when the service's cap of 6 MB a read comes
    /// first, none at the end of the partition. Offsets have gaps: batch.next_offset() is where to go on.
    ///
    /// Of an answer in which a record cannot be read, because it is no JSON or nests deeper than
    /// http_limits::json_depth(), the batch is what comes before that record, and ends there. When nothing
    /// does, the call fails: errc::too_deep or errc::invalid_response, with info().offset if it can be told.
    /// An answer larger than http_limits::body() is errc::body_too_large: ask for fewer records.
    net::awaitable<record_batch> fetch(std::string topic, std::int32_t partition, std::int64_t offset,
                                       std::int32_t count, call_options options = {}) const;

    /// The offset that a stream would begin at with consume_options::from(time): of the first record that is
    /// not older, as far as can be told (see there), or the high watermark when there is none. Some ten reads
    /// for a million offsets. A partition without a leader is errc::service_failed. Needs
    /// <hdikafka/record_stream.hpp>.
    template <class Duration>
    net::awaitable<std::int64_t> offset_at(std::string topic, std::int32_t partition,
                                           std::chrono::sys_time<Duration> time,
                                           call_options options = {}) const
    {
        return find_offset(std::move(topic), partition, offset_spec(time), std::move(options));
    }

    /// A generator over the records of one partition. Does no I/O: what is wrong with the arguments is
    /// told by the first next(). The stream holds a copy of this client. Needs <hdikafka/record_stream.hpp>.
    record_stream consume(std::string topic, std::int32_t partition, consume_options options = {}) const;

    /// The same over all partitions of a topic, in turn: in offset order within each, in no order between
    /// them. Without until() it finds partitions that are added later, see refresh_partitions(), and reads
    /// them from their beginning. from() and until() count for each partition by itself.
    record_stream consume(std::string topic, consume_options options = {}) const;

    /// Ends every call in flight and every stream's next() with errc::closed, closes the connections
    /// and refuses further calls. May be called again, from any thread.
    void close() const;

private:
    template <class>
    friend class basic_producer;

    net::awaitable<std::int64_t> find_offset(std::string topic, std::int32_t partition, offset_spec at,
                                             call_options options) const;

    detail::client_ptr core_;
};

/// The one to use.
using client = basic_client<>;

} // namespace hdikafka::inline v0_1

#ifndef HDIKAFKA_SEPARATE_COMPILATION
#include <hdikafka/detail/client/operations.hpp>
#endif

#endif
