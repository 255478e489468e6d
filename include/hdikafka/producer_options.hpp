// How a producer gathers, places and limits what it sends.
#ifndef HDIKAFKA_PRODUCER_OPTIONS_HPP
#define HDIKAFKA_PRODUCER_OPTIONS_HPP

#include <hdikafka/milliseconds.hpp>
#include <hdikafka/record.hpp>
#include <hdikafka/version.hpp>

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>
#include <utility>

namespace hdikafka::inline v0_1 {

/// Who chooses the partition of a record that has none of its own.
class partitioner
{
public:
    /// Given the topic, the record and how many partitions the topic has (at least 1): the partition, from 0
    /// on. It is called by any thread, under a lock: it must be quick, and must neither call a producer nor
    /// hold one. What it throws, or a partition that the topic does not have (errc::invalid_partition), fails
    /// that one send.
    using function =
        std::function<std::int32_t(std::string_view topic, record const& one, std::int32_t partitions)>;

    /// The ways that need no function.
    enum scheme : unsigned char
    {
        server, ///< The service does, by its own rule; records of a topic travel together.
        /// As the Java client does: by the hash of the key, of a string the one of its UTF-8 bytes. Keys that
        /// are no strings are hashed as their JSON text without blanks and with no more escapes than its
        /// strings need; numbers stay as they are written (1 and 1.0 are two keys), and so does the order of
        /// members. Records without a key, or with a null, go to one
        /// partition until a batch for it leaves, then to another, of those that can be used at the moment;
        /// keys stay with their partitions whether these can be used or not.
        murmur2,
    };

    /// partitioner::server.
    partitioner() = default;
    /// That scheme.
    partitioner(scheme which) noexcept : scheme_(which) {}
    /// The user's own choice. An empty function is refused by the producer with errc::invalid_option.
    template <class F>
        requires std::convertible_to<F, function>
    partitioner(F choose) : scheme_(custom_function), function_(std::move(choose))
    {}

    /// Whether somebody else than the service chooses, who must know how many partitions there are.
    bool needs_partitions() const noexcept { return scheme_ != server; }
    /// Whether it was given a function that is none.
    bool is_empty() const noexcept { return scheme_ == custom_function && !function_; }
    /// The user's function, or none.
    function const& custom() const noexcept { return function_; }

private:
    static constexpr auto custom_function = static_cast<scheme>(2);

    scheme scheme_ = server;
    function function_;
};

/// Options of a producer. Sizes in bytes are those of the records' JSON, which is what travels.
class producer_options
{
public:
    /// The most records in one request; 1,000 by default. Less than 1 is refused with errc::invalid_count.
    producer_options& max_batch_records(std::size_t count) & { return set(max_batch_records_, count); }
    producer_options&& max_batch_records(std::size_t count) && { return std::move(max_batch_records(count)); }

    /// The most bytes in one request's body; 1,000,000 by default, at least 1,000. A record that no body of
    /// that size holds is refused with errc::too_large. When the service finds a batch too large (413), which
    /// is then sent in halves, later batches are smaller, until many of them went well.
    producer_options& max_batch_bytes(std::size_t bytes) & { return set(max_batch_bytes_, bytes); }
    producer_options&& max_batch_bytes(std::size_t bytes) && { return std::move(max_batch_bytes(bytes)); }

    /// How long a record waits for others to travel with when no request of its lane is under way; not at all
    /// by default. A full batch and flush() do not wait, and nothing does while the buffer is full.
    producer_options& linger(milliseconds time) & { return set(linger_, time); }
    producer_options&& linger(milliseconds time) && { return std::move(linger(time)); }

    /// Requests under way for each lane: a partition where the producer knows it, otherwise a topic. 1 by
    /// default, which keeps records in the order they were sent in, see producer. More is faster over long
    /// distances, and gives that order up: batches that are under way together may overtake each other. Those
    /// that come back unwritten go again in the order of their sends.
    producer_options& max_in_flight(std::size_t requests) & { return set(max_in_flight_, requests); }
    producer_options&& max_in_flight(std::size_t requests) && { return std::move(max_in_flight(requests)); }

    /// Who chooses the partitions of records that have none; partitioner::server by default.
    producer_options& partitioner(hdikafka::partitioner who) & { return set(partitioner_, std::move(who)); }
    producer_options&& partitioner(hdikafka::partitioner who) &&
    {
        return std::move(partitioner(std::move(who)));
    }

    /// The most bytes of records that have been taken and not been answered; 32 MiB by default, at least
    /// max_batch_bytes. Further send()s wait for room, in their order.
    producer_options& buffer_bytes(std::size_t bytes) & { return set(buffer_bytes_, bytes); }
    producer_options&& buffer_bytes(std::size_t bytes) && { return std::move(buffer_bytes(bytes)); }

    /// The most records that have been taken and not been answered; 100,000 by default, at least 1.
    producer_options& buffer_records(std::size_t count) & { return set(buffer_records_, count); }
    producer_options&& buffer_records(std::size_t count) && { return std::move(buffer_records(count)); }

    /// How long a topic's number of partitions is taken for granted by a partitioner that needs it; 5 minutes
    /// by default. It is asked for again beside the records, which do not wait.
    producer_options& refresh_partitions(milliseconds interval) &
    {
        return set(refresh_partitions_, interval);
    }
    producer_options&& refresh_partitions(milliseconds interval) &&
    {
        return std::move(refresh_partitions(interval));
    }

    /// Whether a batch may be sent again when it may have been written already, so that records can be there
    /// twice. Off by default, whatever the client's retry policy says.
    producer_options& at_least_once(bool allowed) & { return set(at_least_once_, allowed); }
    producer_options&& at_least_once(bool allowed) && { return std::move(at_least_once(allowed)); }

    std::size_t max_batch_records() const noexcept { return max_batch_records_; }
    std::size_t max_batch_bytes() const noexcept { return max_batch_bytes_; }
    milliseconds linger() const noexcept { return linger_; }
    std::size_t max_in_flight() const noexcept { return max_in_flight_; }
    hdikafka::partitioner const& partitioner() const noexcept { return partitioner_; }
    std::size_t buffer_bytes() const noexcept { return buffer_bytes_; }
    std::size_t buffer_records() const noexcept { return buffer_records_; }
    milliseconds refresh_partitions() const noexcept { return refresh_partitions_; }
    bool at_least_once() const noexcept { return at_least_once_; }

private:
    template <class Member, class Value>
    producer_options& set(Member& member, Value&& value)
    {
        member = std::forward<Value>(value);
        return *this;
    }

    std::size_t max_batch_records_ = 1'000;
    std::size_t max_batch_bytes_ = 1'000'000;
    milliseconds linger_{0};
    std::size_t max_in_flight_ = 1;
    hdikafka::partitioner partitioner_;
    std::size_t buffer_bytes_ = std::size_t(32) << 20;
    std::size_t buffer_records_ = 100'000;
    milliseconds refresh_partitions_{300'000};
    bool at_least_once_ = false;
};

} // namespace hdikafka::inline v0_1

#endif
