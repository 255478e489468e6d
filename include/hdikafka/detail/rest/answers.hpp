// The proxy's answers other than records: metadata, receipts. Every answer that is not what the API
// describes becomes errc::invalid_response.
#ifndef HDIKAFKA_DETAIL_REST_ANSWERS_HPP
#define HDIKAFKA_DETAIL_REST_ANSWERS_HPP

#include <hdikafka/detail/http/syntax.hpp>
#include <hdikafka/detail/json/reader.hpp>
#include <hdikafka/detail/json/values.hpp>
#include <hdikafka/detail/rest/service_error.hpp>
#include <hdikafka/metadata.hpp>
#include <hdikafka/receipt.hpp>
#include <hdikafka/result.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hdikafka::inline v0_1::detail {

/// Says what is wrong with an answer's body, with the position when it is not even JSON.
template <class = void>
error unexpected_body(json_reader const& in, std::string_view what)
{
    std::string cause = "the answer is not " + std::string(what);
    if (in.failed())
        cause += ": " + describe_fault(in, "the text");
    return error(in.fault() == errc::too_deep ? errc::too_deep : errc::invalid_response, cause);
}

template <class = void>
bool read_broker(json_reader& in, broker& out)
{
    return read_object(in, [&](std::string_view name) {
        if (name == "id")
            return read_int32(in, out.id);
        if (name == "hostName")
            return read_text(in, out.host);
        if (name == "port")
            return read_int32(in, out.port);
        if (name == "rack" && in.peek() == json_kind::string)
            return read_text(in, out.rack);
        return in.skip();
    });
}

/// A watermark that is one; else -1.
template <class = void>
std::int64_t known_offset(std::string_view json)
{
    std::int64_t offset = 0;
    json_reader in(json);
    return in.integer(offset) && in.finish() && offset >= 0 ? offset : -1;
}

/// A broker that is one; else a default-made one.
template <class = void>
broker known_broker(std::string_view json)
{
    broker out;
    json_reader in(json);
    return read_broker(in, out) && out.id >= 0 ? out : broker();
}

/// Those of a list that are brokers.
template <class = void>
std::vector<broker> known_brokers(std::string_view json)
{
    std::vector<broker> out;
    json_reader in(json);
    std::string_view one;
    bool const listed = in.peek() == json_kind::array && in.enter_array();
    while (listed && in.next_element()) {
        in.value(one);
        broker known = known_broker(one);
        if (known.id >= 0)
            out.push_back(std::move(known));
    }
    return out;
}

/// Reads a partition that has an id; what else is missing or unsound leaves it with what is known of it.
template <class = void>
bool read_partition(json_reader& in, partition_info& out)
{
    out.id = -1;
    out.earliest_offset = out.latest_offset = -1;
    bool const read = read_object(in, [&](std::string_view name) {
        std::string_view value;
        if (name == "partition_id")
            return read_int32(in, out.id);
        if (!in.value(value))
            return false;
        if (name == "earliest_offset")
            out.earliest_offset = known_offset(value);
        else if (name == "latest_offset")
            out.latest_offset = known_offset(value);
        else if (name == "leader")
            out.leader = known_broker(value);
        else if (name == "replicas")
            out.replicas = known_brokers(value);
        else if (name == "isr")
            out.in_sync_replicas = known_brokers(value);
        return true;
    });
    return read && out.id >= 0;
}

/// Reads `{"<list>":[…], …}`; the list must be there, once.
template <class Element>
bool read_list_in_object(json_reader& in, std::string_view list, Element element)
{
    bool found = false;
    bool const read = read_object(in, [&](std::string_view name) {
        if (name != list)
            return in.skip();
        return !std::exchange(found, true) && read_array(in, element);
    });
    return read && found && in.finish();
}

/// A body that is such an object.
template <class T>
result<std::vector<T>> parse_list(std::string_view body, std::string_view list,
                                  bool (*read)(json_reader&, T&))
{
    json_reader in(body);
    std::vector<T> out;
    if (!read_list_in_object(in, list, [&] { return read(in, out.emplace_back()); }))
        return unexpected_body(in, "a list of " + std::string(list));
    return out;
}

template <class = void>
result<std::vector<broker>> parse_brokers(std::string_view body)
{
    return parse_list<broker>(body, "brokers", &read_broker<>);
}

template <class = void>
result<std::vector<std::string>> parse_topics(std::string_view body)
{
    return parse_list<std::string>(body, "topics", &read_text<>);
}

/// One without an id makes the whole list invalid: without it nobody knows how many partitions there are, by
/// which keyed records are placed, and which of them nobody reads.
template <class = void>
result<std::vector<partition_info>> parse_partitions(std::string_view body)
{
    return parse_list<partition_info>(body, "partitions", &read_partition<>);
}

template <class = void>
result<partition_info> parse_partition(std::string_view body)
{
    json_reader in(body);
    partition_info out;
    if (!read_partition(in, out) || !in.finish())
        return unexpected_body(in, "a partition");
    return out;
}

/// Whether the body of a success that has nothing to say is one: nothing, any JSON, or plain text
/// that is labelled as such. A web page of something in between is none.
template <class = void>
result<void> parse_acknowledgement(std::string_view body, std::string_view content_type)
{
    json_reader in(body);
    bool const nothing = body.find_first_not_of(" \t\r\n") == std::string_view::npos;
    if (nothing || (in.skip() && in.finish()))
        return {};
    constexpr std::string_view plain = "text/plain";
    if (equals_ignoring_case(content_type.substr(0, plain.size()), plain) && valid_utf8(body))
        return {};
    return unexpected_body(in, "an acknowledgement");
}

/// The text of a status: what a JSON string says, and whatever else it is as it is.
template <class = void>
result<std::string> parse_status(std::string_view body)
{
    json_reader in(body);
    std::string out;
    if (in.peek() == json_kind::string && read_text(in, out) && in.finish())
        return out;
    if (!valid_utf8(body))
        return error(errc::invalid_response, "the answer is not text");
    return std::string(body);
}

/// The broker's error for a record. One that is not retriable (1, or a 4xx code), or whose text says that the
/// record is too large, was refused; of any other nobody knows whether the record was written.
inline void fail(record_outcome& out, std::optional<std::int64_t> code, std::string const& text,
                 diagnostics info)
{
    bool const too_large = names_size(text);
    bool const refused =
        too_large ||
        (code && (*code == 1 || (*code >= 400 && *code < 500) || (*code >= 40000 && *code < 50000)));
    out.persisted = refused ? info.persisted() : persistence::possibly;
    info.operation = "produce";
    info.server_code = code ? std::to_string(*code) : std::string();
    info.server_message = bounded_message(text);
    info.retriable(!refused).persisted(out.persisted);
    std::string const cause =
        text.empty() ? "the service reports an error for this record" : info.server_message;
    errc const kind = too_large ? errc::too_large : refused ? errc::bad_request : errc::service_failed;
    out.failure.emplace(kind, std::move(info), cause);
    out.offset.reset();
}

/// One entry of a produce answer's `offsets`.
template <class Describe>
bool read_outcome(json_reader& in, record_outcome& out, Describe const& describe)
{
    std::optional<std::int64_t> code;
    std::string text;
    bool failed = false;
    bool const read = read_object(in, [&](std::string_view name) {
        if (in.peek() == json_kind::null)
            return in.skip();
        if (name == "partition") {
            out.partition.emplace();
            return read_int32(in, *out.partition);
        }
        if (name == "offset") {
            out.offset.emplace();
            return in.integer(*out.offset);
        }
        if (name == "error_code")
            return in.integer(code.emplace());
        if ((name == "error" || name == "message") && in.peek() == json_kind::string)
            return read_text(in, text);
        failed = failed || name == "error";
        return in.skip();
    });
    if (!read)
        return false;
    // 0 is Kafka's NONE.
    failed = failed || code.value_or(0) != 0 || !text.empty() || (out.offset && *out.offset < 0);
    out.persisted = persistence::done;
    if (failed)
        fail(out, code, text, describe());
    return true;
}

/// The answer to a produce of `count` records: a bare string, nothing, or an object with `offsets`.
/// A list that does not match the request tells nothing about single records: all are `possibly`.
/// `describe()` is what is known of the produce, for the errors of single records; its persisted() is what is
/// to be said of one that is refused.
template <class Describe = diagnostics (*)()>
result<receipt> parse_receipt(
    std::string_view body, std::string_view content_type, std::size_t count,
    Describe describe = [] { return diagnostics(); })
{
    auto const all = [count](persistence state) {
        return receipt(std::vector<record_outcome>(count, record_outcome(state)));
    };
    auto const if_acknowledged = [&](persistence state) -> result<receipt> {
        auto const acknowledged = parse_acknowledgement(body, content_type);
        if (!acknowledged)
            return acknowledged.error();
        return all(state);
    };
    json_reader in(body);
    if (in.peek() != json_kind::object)
        return if_acknowledged(persistence::done);
    std::vector<record_outcome> outcomes;
    outcomes.reserve(std::min(count, body.size() / 2)); // {} is the least for a record
    bool listed = false;
    bool complains = false;
    bool const read = read_object(in, [&](std::string_view name) {
        if (name == "offsets" && in.peek() == json_kind::array) {
            listed = true;
            return read_array(in, [&] { return read_outcome(in, outcomes.emplace_back(), describe); });
        }
        complains = complains || ((name == "error" || name == "error_code") && in.peek() != json_kind::null);
        return in.skip();
    });
    if (!read || !in.finish())
        return if_acknowledged(persistence::possibly);
    if (!listed && !complains)
        return all(persistence::done);
    if (!listed || outcomes.size() != count)
        return all(persistence::possibly);
    return receipt(std::move(outcomes));
}

} // namespace hdikafka::inline v0_1::detail

#endif
