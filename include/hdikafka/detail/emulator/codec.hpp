// The proxy's JSON from its own side: what a create and a produce ask for, checked strictly, and the answers'
// parts.
#ifndef HDIKAFKA_DETAIL_EMULATOR_CODEC_HPP
#define HDIKAFKA_DETAIL_EMULATOR_CODEC_HPP

#include <hdikafka/detail/emulator/broker.hpp>
#include <hdikafka/detail/emulator/message.hpp>
#include <hdikafka/detail/http/syntax.hpp>
#include <hdikafka/detail/json/values.hpp>
#include <hdikafka/detail/json/writer.hpp>
#include <hdikafka/detail/producer/partition_choice.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hdikafka::inline v0_1::detail::emulation {

inline error bad_body(std::string const& what) { return error(errc::bad_request, what); }

/// The body's syntax, and that it is an object: after this a fault can only be one of what is in it.
inline result<void> check_object(std::string_view body)
{
    if (body.empty())
        return bad_body("the request needs a body");
    json_reader in(body);
    if (!in.skip() || !in.finish())
        return bad_body("the body is not valid JSON, at byte " + std::to_string(in.position()));
    if (json_reader(body).peek() != json_kind::object)
        return bad_body("the body must be an object");
    return {};
}

/// `{name: string | number | boolean…}`; any name is taken that could be Kafka's.
inline result<void> read_properties(json_reader& in, std::map<std::string, std::string>& out)
{
    if (in.peek() != json_kind::object)
        return bad_body("topic_properties must be an object");
    std::string_view name;
    in.enter_object();
    while (in.next_member(name)) {
        std::string const quoted = "topic_properties: " + excerpt(name) + " ";
        if (!valid_emulator_topic(name))
            return bad_body(quoted + "is not a property's name: 1 to 249 of [a-zA-Z0-9._-]");
        json_kind const kind = in.peek();
        if (kind != json_kind::string && kind != json_kind::number && kind != json_kind::boolean)
            return bad_body(quoted + "must be a string, a number or a boolean");
        std::string_view value;
        in.value(value);
        if (!out.emplace(name, value).second)
            return bad_body(quoted + "is given twice");
    }
    return {};
}

/// The body of a create, which may be empty.
inline result<emulator_topic_config> read_topic_config(std::string_view body)
{
    emulator_topic_config out;
    if (body.empty())
        return out;
    if (auto valid = check_object(body); !valid)
        return valid.error();
    json_reader in(body);
    bool has_properties = false;
    std::string_view name;
    in.enter_object();
    while (in.next_member(name)) {
        std::string const quoted = excerpt(name) + " ";
        bool const count = name == "partition_count";
        if (count || name == "replication_factor") {
            auto& member = count ? out.partition_count : out.replication_factor;
            if (member)
                return bad_body(quoted + "is given twice");
            if (!read_int32(in, member.emplace()))
                return bad_body(quoted + "must be an integer of 32 bits");
        } else if (name == "topic_properties") {
            if (std::exchange(has_properties, true))
                return bad_body(quoted + "is given twice");
            if (auto read = read_properties(in, out.properties); !read)
                return read.error();
        } else {
            return bad_body(quoted +
                            "is not known; known are partition_count, replication_factor, topic_properties");
        }
    }
    return out;
}

/// One of a produce's records; `in` stands before it.
inline result<emulator_new_record> read_new_record(json_reader& in, std::string const& where)
{
    if (in.peek() != json_kind::object)
        return bad_body(where + "must be an object");
    emulator_new_record out;
    bool has_value = false;
    std::string_view name;
    std::string_view text;
    in.enter_object();
    while (in.next_member(name)) {
        bool const twice = (name == "key" && out.key) || (name == "partition" && out.partition) ||
                           (name == "value" && has_value);
        if (twice)
            return bad_body(where + excerpt(name) + " is given twice");
        if (name == "key") {
            in.value(text);
            out.key = text;
            out.key_bytes = key_bytes(text);
        } else if (name == "value") {
            has_value = in.value(text);
            out.value = text;
        } else if (name == "partition") {
            std::int64_t partition = 0;
            if (!in.integer(partition))
                return bad_body(where + "'partition' must be an integer");
            out.partition = partition;
        } else {
            return bad_body(where + excerpt(name) + " is not known; known are key, partition, value");
        }
    }
    if (!has_value)
        return bad_body(where + "'value' is missing");
    return out;
}

/// The body of a produce.
inline result<std::vector<emulator_new_record>> read_new_records(std::string_view body)
{
    if (auto valid = check_object(body); !valid)
        return valid.error();
    json_reader in(body);
    std::vector<emulator_new_record> out;
    bool found = false;
    std::string_view name;
    in.enter_object();
    while (in.next_member(name)) {
        if (name != "records")
            return bad_body(excerpt(name) + " is not known; known is records");
        if (std::exchange(found, true))
            return bad_body("'records' is given twice");
        if (in.peek() != json_kind::array)
            return bad_body("'records' must be an array");
        in.enter_array();
        while (in.next_element()) {
            auto record = read_new_record(in, "records[" + std::to_string(out.size()) + "]: ");
            if (!record)
                return record.error();
            out.push_back(std::move(record).value());
        }
    }
    if (out.empty())
        return bad_body(found ? "'records' is empty" : "'records' is missing");
    return out;
}

/// `count` items in brackets, of which `append(out, n)` writes the nth.
template <class Append>
void append_list(std::string& out, std::size_t count, Append append)
{
    out += '[';
    for (std::size_t n = 0; n < count; ++n) {
        if (n > 0)
            out += ',';
        append(out, n);
    }
    out += ']';
}

inline void append_broker(std::string& out, std::size_t index)
{
    emulator_broker_endpoint const& broker = emulator_broker_endpoints[index];
    out += R"({"hostName":)" + json_text(broker.host) + R"(,"port":)" + std::to_string(broker.port) +
           R"(,"id":)" + std::to_string(broker.id) + R"(,"rack":)" + json_text(broker.rack) + '}';
}

/// The leader's member with a comma behind it, if there is one.
inline void append_leader(std::string& out, emulator_topic const& topic, std::size_t id, bool led,
                          emulator_leaderless form)
{
    if (!led && form == emulator_leaderless::no_member)
        return;
    out += R"("leader":)";
    if (led)
        append_broker(out, topic.replica(id, 0));
    else
        out += form == emulator_leaderless::null_leader ? "null"
                                                        : R"({"hostName":"","port":-1,"id":-1,"rack":null})";
    out += ',';
}

inline void append_partition(std::string& out, emulator_topic const& topic, std::size_t id, emulator_time now,
                             emulator_quirks const& quirks)
{
    emulator_log const& log = topic.partitions[id];
    bool const led = topic.has_leader(id, now);
    out += R"({"partition_id":)" + std::to_string(id) + ',';
    auto const offsets = led ? emulator_leaderless_offsets::kept : quirks.leaderless_offsets();
    if (offsets == emulator_leaderless_offsets::negative)
        out += R"("earliest_offset":-1,"latest_offset":-1,)";
    if (offsets == emulator_leaderless_offsets::kept)
        out += R"("earliest_offset":)" + std::to_string(log.earliest()) + R"(,"latest_offset":)" +
               std::to_string(log.latest()) + ',';
    append_leader(out, topic, id, led, quirks.leaderless());
    std::string replicas;
    append_list(replicas, static_cast<std::size_t>(topic.replication_factor),
                [&](std::string& to, std::size_t n) { append_broker(to, topic.replica(id, n)); });
    out += R"("replicas":)" + replicas + R"(,"isr":)" + (led ? replicas : "[]") + '}';
}

/// A key or a value in the form that was chosen.
inline void append_payload(std::string& out, std::string_view json, emulator_value_form form)
{
    bool const as_text = form == emulator_value_form::text && !json.starts_with('"') && json != "null";
    if (as_text)
        out += json_text(json);
    else
        out += json;
}

inline void append_record(std::string& out, emulator_record const& record, emulator_value_form form)
{
    out += '{';
    if (record.key) {
        out += "\"key\":";
        append_payload(out, *record.key, form);
        out += ',';
    }
    out += "\"value\":";
    append_payload(out, record.value, form);
    out += ",\"partition\":";
    append_json_integer(out, record.partition);
    out += ",\"offset\":";
    append_json_integer(out, record.offset);
    if (record.timestamp) {
        out += ",\"timestamp\":";
        append_json_integer(out, record.timestamp->time_since_epoch().count());
    }
    out += ",\"timestampType\":\"CREATE_TIME\"}";
}

/// One entry of a produce's `offsets`. Error code 1 is a Kafka error that is not worth a retry.
inline void append_placement(std::string& out, emulator_placement const& placement)
{
    out += R"({"partition":)" + std::to_string(placement.partition) + R"(,"offset":)" +
           std::to_string(placement.offset);
    out += placement.refused ? ",\"error_code\":1,\"error\":\"the record was refused\"}"
                             : ",\"error_code\":null,\"error\":null}";
}

} // namespace hdikafka::inline v0_1::detail::emulation

#endif
