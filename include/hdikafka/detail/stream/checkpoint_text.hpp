// Checkpoints as JSON text.
#ifndef HDIKAFKA_DETAIL_STREAM_CHECKPOINT_TEXT_HPP
#define HDIKAFKA_DETAIL_STREAM_CHECKPOINT_TEXT_HPP

#include <hdikafka/checkpoint.hpp>
#include <hdikafka/detail/json/reader.hpp>
#include <hdikafka/detail/json/values.hpp>
#include <hdikafka/detail/json/writer.hpp>
#include <hdikafka/result.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hdikafka::inline v0_1::detail {

/// A line for each, so that people can read it.
template <class = void>
std::string checkpoints_text(std::vector<checkpoint> const& all)
{
    std::string out = R"({"version":1,"checkpoints":[)";
    char const* before = "\n";
    for (checkpoint const& one : all) {
        out += before;
        before = ",\n";
        out += R"({"topic":)";
        append_json_string(out, one.topic);
        auto const number = [&out](std::string_view name, std::int64_t value) {
            out.append(",\"").append(name).append("\":");
            append_json_integer(out, value);
        };
        number("partition", one.partition);
        number("next_offset", one.next_offset);
        number("last_offset", one.last_offset);
        if (one.last_timestamp)
            number("last_timestamp", one.last_timestamp->time_since_epoch().count());
        out += '}';
    }
    return out + "\n]}\n";
}

template <class = void>
bool read_checkpoint(json_reader& in, checkpoint& out)
{
    bool has_topic = false;
    bool has_partition = false;
    bool has_next = false;
    bool has_last = false;
    bool const read = read_object(in, [&](std::string_view name) {
        if (name == "topic")
            return has_topic = read_text(in, out.topic);
        if (name == "partition")
            return has_partition = read_int32(in, out.partition);
        if (name == "next_offset")
            return has_next = in.integer(out.next_offset);
        if (name == "last_offset")
            return has_last = in.integer(out.last_offset);
        if (name != "last_timestamp")
            return in.skip();
        std::int64_t time = 0;
        bool const good = in.integer(time);
        out.last_timestamp.emplace(std::chrono::milliseconds(time));
        return good;
    });
    return read && has_topic && has_partition && has_next && has_last && out.partition >= 0 &&
           out.next_offset >= 0 && out.last_offset >= 0;
}

/// Nothing is guessed: a text of another form, or of a later version, is refused.
template <class = void>
result<std::vector<checkpoint>> parse_checkpoints(std::string_view text)
{
    json_reader in(text);
    std::vector<checkpoint> out;
    std::int64_t version = 0;
    bool listed = false;
    auto const read_one = [&] {
        checkpoint one;
        if (!read_checkpoint(in, one))
            return false;
        bool const again = std::ranges::any_of(out, [&](checkpoint const& other) {
            return other.topic == one.topic && other.partition == one.partition;
        });
        out.push_back(std::move(one));
        return !again;
    };
    bool const read = read_object(in, [&](std::string_view name) {
        if (name == "version")
            return version == 0 && in.integer(version);
        if (name != "checkpoints")
            return in.skip();
        return !std::exchange(listed, true) && read_array(in, read_one);
    });
    if (!read || !in.finish() || !listed || version != 1)
        return error(errc::invalid_json, "these are no checkpoints of this version of the library");
    return out;
}

} // namespace hdikafka::inline v0_1::detail

#endif
