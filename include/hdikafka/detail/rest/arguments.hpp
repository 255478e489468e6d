// What is refused before anything is sent.
#ifndef HDIKAFKA_DETAIL_REST_ARGUMENTS_HPP
#define HDIKAFKA_DETAIL_REST_ARGUMENTS_HPP

#include <hdikafka/detail/base/utf8.hpp>
#include <hdikafka/metadata.hpp>
#include <hdikafka/record.hpp>
#include <hdikafka/result.hpp>

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

namespace hdikafka::inline v0_1::detail {

/// Kafka's own rule for topic names.
inline result<void> check_topic(std::string_view topic)
{
    if (topic.empty())
        return error(errc::invalid_topic, "the topic name is empty");
    if (topic.size() > 249)
        return error(errc::invalid_topic, "the topic name is longer than 249 characters");
    if (topic == "." || topic == "..")
        return error(errc::invalid_topic, "a topic cannot be named \".\" or \"..\"");
    auto const allowed = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
               c == '_' || c == '-';
    };
    if (!std::ranges::all_of(topic, allowed))
        return error(errc::invalid_topic, "a topic name holds only a-z, A-Z, 0-9, '.', '_' and '-'");
    return {};
}

inline result<void> check_partition(std::int32_t partition)
{
    if (partition < 0)
        return error(errc::invalid_partition, "partition " + std::to_string(partition) + " is negative");
    return {};
}

inline result<void> check_fetch(std::int32_t partition, std::int64_t offset, std::int32_t count)
{
    if (auto checked = check_partition(partition); !checked)
        return checked;
    if (offset < 0)
        return error(errc::invalid_offset, "offset " + std::to_string(offset) + " is negative");
    if (count < 1)
        return error(errc::invalid_count, "count " + std::to_string(count) + " is less than 1");
    return {};
}

inline result<void> check_records(records const& list)
{
    if (list.empty())
        return error(errc::no_records);
    for (auto const& one : list)
        if (one.partition())
            if (auto checked = check_partition(*one.partition()); !checked)
                return checked;
    return {};
}

inline result<void> check_config(topic_config const& config)
{
    if (config.partition_count() && *config.partition_count() < 1)
        return error(errc::invalid_count, "partition_count is less than 1");
    if (config.replication_factor() && *config.replication_factor() < 1)
        return error(errc::invalid_count, "replication_factor is less than 1");
    for (auto const& [name, value] : config.properties()) {
        if (name.empty())
            return error(errc::invalid_option, "a topic property has no name");
        if (!valid_utf8(name))
            return error(errc::invalid_utf8, "a topic property's name is not UTF-8");
    }
    return {};
}

} // namespace hdikafka::inline v0_1::detail

#endif
