// What a producer refuses, and how it says so; what a record counts for.
#ifndef HDIKAFKA_DETAIL_PRODUCER_RULES_HPP
#define HDIKAFKA_DETAIL_PRODUCER_RULES_HPP

#include <hdikafka/detail/producer/lane.hpp>
#include <hdikafka/detail/rest/requests.hpp>
#include <hdikafka/error.hpp>
#include <hdikafka/milliseconds.hpp>
#include <hdikafka/producer_options.hpp>
#include <hdikafka/record.hpp>
#include <hdikafka/result.hpp>

#include <cstddef>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace hdikafka::inline v0_1::detail {

/// The error of a producer's own making.
inline error producer_error(std::error_code code, std::string_view operation, std::string topic,
                            std::string cause, persistence claim = persistence::none)
{
    diagnostics info;
    info.operation = operation;
    info.topic = std::move(topic);
    info.persisted(claim).retriable(code == errc::timed_out);
    return error(code, std::move(info), std::move(cause));
}

inline result<void> check_producer(producer_options const& options)
{
    if (options.max_batch_records() < 1 || options.max_in_flight() < 1 || options.buffer_records() < 1)
        return error(errc::invalid_count,
                     "max_batch_records, max_in_flight or buffer_records is less than 1");
    if (options.max_batch_bytes() < body_limit::least)
        return error(errc::invalid_count, "max_batch_bytes is less than 1000");
    if (options.buffer_bytes() < options.max_batch_bytes())
        return error(errc::invalid_option, "buffer_bytes is less than max_batch_bytes");
    if (options.partitioner().is_empty())
        return error(errc::invalid_option, "the partitioner is an empty function");
    if (options.linger() < milliseconds(0) || options.refresh_partitions() < milliseconds(0))
        return error(errc::invalid_option, "linger or refresh_partitions is negative");
    return result<void>();
}

/// How large a record is in a request's body, at most.
inline std::size_t size_in_body(record const& one, producer_options const& options)
{
    // Its partition is written into it when it is chosen.
    constexpr std::size_t partition_field = std::string_view(R"("partition":2147483647,)").size();
    bool const chosen = !one.partition() && options.partitioner().needs_partitions();
    return record_size(one) + (chosen ? partition_field : 0);
}

/// Of a record that takes so many bytes.
inline result<void> check_size(std::size_t bytes, producer_options const& options)
{
    if (body_size(1, bytes) <= options.max_batch_bytes())
        return result<void>();
    return error(errc::too_large, "the record takes a request of " + std::to_string(body_size(1, bytes)) +
                                      " bytes, max_batch_bytes is " +
                                      std::to_string(options.max_batch_bytes()));
}

} // namespace hdikafka::inline v0_1::detail

#endif
