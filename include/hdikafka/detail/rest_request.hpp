// The proxy's requests: paths and JSON bodies (HDInsight Kafka REST proxy, API v1).
// Layer: formats (no I/O, no Asio).
#ifndef HDIKAFKA_DETAIL_REST_REQUEST_HPP
#define HDIKAFKA_DETAIL_REST_REQUEST_HPP

#include <hdikafka/detail/json_writer.hpp>
#include <hdikafka/detail/url.hpp>
#include <hdikafka/record.hpp>
#include <hdikafka/result.hpp>
#include <hdikafka/topic.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace hdikafka::inline v0_1::detail {

inline constexpr std::string_view brokers_path = "/v1/metadata/brokers";
inline constexpr std::string_view topics_path = "/v1/metadata/topics";

/// `before`, the topic as one segment, `behind`.
inline std::string path_to_topic(std::string_view before, std::string_view topic,
                                 std::string_view behind = std::string_view())
{
    std::string path;
    path.reserve(before.size() + topic.size() + behind.size());
    path.append(before);
    append_percent_encoded(path, topic, unreserved_marks);
    path.append(behind);
    return path;
}

inline std::string partitions_path(std::string_view topic)
{
    return path_to_topic("/v1/metadata/topics/", topic, "/partitions");
}

template <class = void>
std::string partition_path(std::string_view topic, std::int32_t partition)
{
    return path_to_topic("/v1/metadata/topics/", topic, "/partitions/" + std::to_string(partition));
}

inline std::string topic_path(std::string_view topic) { return path_to_topic("/v1/topics/", topic); }

inline std::string produce_path(std::string_view topic)
{
    return path_to_topic("/v1/producer/topics/", topic);
}

template <class = void>
std::string consume_path(std::string_view topic, std::int32_t partition, std::int64_t offset,
                         std::int32_t count)
{
    std::string which = "/partitions/";
    which.reserve(64);
    append_json_integer(which, partition);
    which += "/offsets/";
    append_json_integer(which, offset);
    which += "?count=";
    append_json_integer(which, count);
    return path_to_topic("/v1/consumer/topics/", topic, which);
}

template <class = void>
std::string write_records(records const& list)
{
    std::size_t size = 16;
    for (auto const& one : list)
        size += 48 + one.value().text().size() + (one.key() ? one.key()->text().size() : 0);
    std::string out;
    out.reserve(size);
    out += R"({"records":[)";
    char const* separator = "{";
    for (auto const& one : list) {
        out += separator;
        separator = ",{";
        if (one.key()) {
            out += R"("key":)";
            out += one.key()->text();
            out += ',';
        }
        if (one.partition()) {
            out += R"("partition":)";
            append_json_integer(out, std::int64_t(*one.partition()));
            out += ',';
        }
        out += R"("value":)";
        out += one.value().text();
        out += '}';
    }
    out += "]}";
    return out;
}

/// The body of a topic's creation; an empty object leaves everything to the cluster. Fails with
/// errc::invalid_utf8 when a property's name is not UTF-8.
template <class = void>
result<std::string> write_topic_config(topic_config const& config)
{
    std::string out = "{";
    auto const separate = [&out] {
        if (out.back() != '{')
            out += ',';
    };
    if (config.partition_count()) {
        out += R"("partition_count":)";
        append_json_integer(out, std::int64_t(*config.partition_count()));
    }
    if (config.replication_factor()) {
        separate();
        out += R"("replication_factor":)";
        append_json_integer(out, std::int64_t(*config.replication_factor()));
    }
    if (!config.properties().empty()) {
        separate();
        out += R"("topic_properties":{)";
        for (auto const& [name, value] : config.properties()) {
            separate();
            if (!append_json_string(out, name))
                return error(errc::invalid_utf8, "a topic property's name is not UTF-8");
            out += ':';
            out += value.text();
        }
        out += '}';
    }
    out += '}';
    return out;
}

} // namespace hdikafka::inline v0_1::detail

#endif
