// The proxy's requests: paths and JSON bodies (HDInsight Kafka REST proxy, API v1).
#ifndef HDIKAFKA_DETAIL_REST_REQUESTS_HPP
#define HDIKAFKA_DETAIL_REST_REQUESTS_HPP

#include <hdikafka/detail/http/url.hpp>
#include <hdikafka/detail/json/writer.hpp>
#include <hdikafka/metadata.hpp>
#include <hdikafka/record.hpp>
#include <hdikafka/result.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace hdikafka::inline v0_1::detail {

inline constexpr std::string_view status_path = "/v1/status";
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

/// How many characters append_record() writes.
inline std::size_t record_size(record const& one)
{
    std::size_t size = std::string_view(R"({"value":})").size() + one.value().text().size();
    if (one.key())
        size += std::string_view(R"("key":,)").size() + one.key()->text().size();
    if (one.partition())
        size += std::string_view(R"("partition":,)").size() + integer_size(*one.partition());
    return size;
}

/// How many characters the body of a produce has, of so many records that have `bytes` together.
constexpr std::size_t body_size(std::size_t records, std::size_t bytes) noexcept
{
    std::size_t const commas = records == 0 ? 0 : records - 1;
    return std::string_view(R"({"records":[]})").size() + bytes + commas;
}

inline void append_record(std::string& out, record const& one)
{
    out += '{';
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

/// The body of a produce. `record_of(element)` is the record of an element of `list`.
template <class List, class RecordOf>
std::string write_records(List const& list, RecordOf record_of)
{
    std::size_t bytes = 0;
    for (auto const& one : list)
        bytes += record_size(record_of(one));
    std::string out;
    out.reserve(body_size(list.size(), bytes));
    out += R"({"records":[)";
    char const* separator = "";
    for (auto const& one : list) {
        out += separator;
        separator = ",";
        append_record(out, record_of(one));
    }
    out += "]}";
    return out;
}

template <class = void>
std::string write_records(records const& list)
{
    return write_records(list, std::identity());
}

/// The body of a topic's creation; an empty object leaves everything to the cluster.
template <class = void>
std::string write_topic_config(topic_config const& config)
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
            (void)append_json_string(out, name); // UTF-8: it was checked
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
