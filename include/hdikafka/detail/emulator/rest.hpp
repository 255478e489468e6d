// The proxy's part of the emulator: one function for each operation of the API.
#ifndef HDIKAFKA_DETAIL_EMULATOR_REST_HPP
#define HDIKAFKA_DETAIL_EMULATOR_REST_HPP

#include <hdikafka/detail/emulator/broker.hpp>
#include <hdikafka/detail/emulator/codec.hpp>
#include <hdikafka/detail/emulator/message.hpp>
#include <hdikafka/detail/emulator/options.hpp>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace hdikafka::inline v0_1::detail::emulation {

inline int status_of(error const& failure) noexcept
{
    if (failure.code() == errc::not_found)
        return 404;
    if (failure.code() == errc::already_exists)
        return 409;
    return failure.code() == errc::service_failed ? 500 : 400;
}

inline emulator_answer refusal(error const& failure)
{
    return proxy_error(status_of(failure), failure.cause());
}

/// A number in a path or a query: digits only, within int64.
inline std::optional<std::int64_t> parse_number(std::string_view text) noexcept
{
    std::int64_t value = 0;
    auto const [end, fault] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (fault != std::errc() || end != text.data() + text.size() || value < 0)
        return std::nullopt;
    return value;
}

inline emulator_answer brokers_answer()
{
    std::string body = R"({"brokers":)";
    append_list(body, emulator_broker_endpoints.size(), append_broker);
    return emulator_answer(200, body + '}');
}

inline emulator_answer topics_answer(emulator_broker const& broker, emulator_time now)
{
    auto const names = broker.shown_topics(now);
    std::string body = R"({"topics":)";
    append_list(body, names.size(),
                [&names](std::string& out, std::size_t n) { out += json_text(names[n]); });
    return emulator_answer(200, body + '}');
}

inline emulator_answer partitions_answer(emulator_broker const& broker, std::string_view topic,
                                         emulator_time now)
{
    auto const shown = broker.shown(topic, now);
    if (!shown)
        return refusal(shown.error());
    std::string body = R"({"topic":)" + json_text(topic) + R"(,"partitions":)";
    append_list(body, shown.value()->partitions.size(),
                [&shown](std::string& out, std::size_t id) { append_partition(out, *shown.value(), id); });
    return emulator_answer(200, body + '}');
}

inline emulator_answer partition_answer(emulator_broker const& broker, std::string_view topic,
                                        std::string_view id, emulator_time now)
{
    auto const number = parse_number(id);
    if (!number)
        return proxy_error(400, "the partition must be a number");
    auto const shown = broker.shown(topic, now);
    if (!shown)
        return refusal(shown.error());
    if (*number >= static_cast<std::int64_t>(shown.value()->partitions.size()))
        return refusal(emulator_broker::no_partition(topic, *number));
    std::string body;
    append_partition(body, *shown.value(), static_cast<std::size_t>(*number));
    return emulator_answer(200, std::move(body));
}

/// A body must say that it is JSON; UTF-8 is the only charset that JSON has.
inline std::optional<emulator_answer> check_content_type(emulator_request const& request)
{
    std::string_view const type = request.content_type.value_or("");
    std::size_t const semicolon = type.find(';');
    std::string_view const parameter =
        semicolon == std::string_view::npos ? "" : trim_blanks(type.substr(semicolon + 1));
    bool const json = equals_ignoring_case(trim_blanks(type.substr(0, semicolon)), "application/json");
    bool const utf8 = parameter.empty() || equals_ignoring_case(parameter, "charset=utf-8") ||
                      equals_ignoring_case(parameter, "charset=\"utf-8\"");
    if (json && utf8)
        return std::nullopt;
    return proxy_error(415, "the body must be sent with Content-Type: application/json");
}

inline emulator_answer create_answer(emulator_broker& broker, std::string_view topic,
                                     emulator_request const& request, emulator_time now)
{
    if (!request.body.empty())
        if (auto wrong = check_content_type(request))
            return std::move(*wrong);
    auto config = read_topic_config(request.body);
    if (!config)
        return refusal(config.error());
    auto const created = broker.create(topic, std::move(config).value(), now);
    if (!created)
        return refusal(created.error());
    return emulator_answer(200, "\"Topic " + std::string(topic) + " was created.\"");
}

inline emulator_answer delete_answer(emulator_broker& broker, std::string_view topic, emulator_time now)
{
    auto const removed = broker.remove(topic, now);
    if (!removed)
        return refusal(removed.error());
    return emulator_answer(200, "\"Topic " + std::string(topic) + " was deleted.\"");
}

/// `refused` of the first records are refused one by one; what is left of it is handed back.
inline emulator_answer produce_answer(emulator_broker& broker, emulator_options const& options,
                                      std::string_view topic, emulator_request const& request,
                                      std::size_t& refused, emulator_time now)
{
    if (auto wrong = check_content_type(request))
        return std::move(*wrong);
    auto records = read_new_records(request.body);
    if (!records)
        return refusal(records.error());
    auto const produced = broker.produce(topic, std::move(records).value(), refused, now);
    if (!produced)
        return refusal(produced.error());
    std::size_t const count = produced.value().size();
    bool const some_refused = refused > 0;
    refused -= std::min(refused, count);
    if (some_refused || options.produce_answer() == emulator_produce_answer::offsets) {
        std::string body = "{\"offsets\":";
        append_list(body, count, [&produced](std::string& out, std::size_t n) {
            append_placement(out, produced.value()[n]);
        });
        return emulator_answer(200, body + '}');
    }
    if (options.produce_answer() == emulator_produce_answer::empty)
        return emulator_answer(200, "");
    return emulator_answer(200, "\"" + std::to_string(count) + " record(s) written to topic " +
                                    std::string(topic) + ".\"");
}

/// The query of a read: `count`, once, or nothing.
inline result<std::int64_t> read_count_parameter(emulator_pairs const& query)
{
    std::optional<std::int64_t> count;
    for (auto const& [name, value] : query) {
        if (name != "count")
            return bad_body("the query parameter " + excerpt(name) + " is not known; known is count");
        if (count)
            return bad_body("the query parameter 'count' is given twice");
        count = parse_number(value);
        if (!count || *count < 1 || *count > std::numeric_limits<std::int32_t>::max())
            return bad_body("the query parameter 'count' must be 1 to 2147483647");
    }
    return count.value_or(1);
}

/// Records from the offset on, as many as were asked for and as fit under the cap; after a gap the
/// records behind it. NextOffset passes over a gap at the end, as a consumer's position does.
inline emulator_answer consume_answer(emulator_broker const& broker, emulator_options const& options,
                                      emulator_target const& target)
{
    std::string const& topic = target.segments[3];
    auto const partition = parse_number(target.segments[5]);
    auto const offset = parse_number(target.segments[7]);
    if (!partition || !offset)
        return proxy_error(400, "the partition and the offset must be numbers");
    auto const count = read_count_parameter(target.query);
    if (!count)
        return refusal(count.error());
    auto const known = broker.log(topic, *partition);
    if (!known)
        return refusal(known.error());
    emulator_log const& log = *known.value();
    bool const outside = *offset < log.earliest() || *offset > log.latest();
    if (outside && options.out_of_range_status() != 200)
        return proxy_error(options.out_of_range_status(),
                           "offset " + std::to_string(*offset) + " is out of range: partition " +
                               std::to_string(*partition) + " of topic '" + topic + "' has offsets " +
                               std::to_string(log.earliest()) + " to " + std::to_string(log.latest()));

    bool const object = options.consume_answer() == emulator_consume_answer::object;
    std::string body = object ? "{\"records\":[" : "[";
    std::string_view const end = object ? "]}" : "]";
    std::int64_t next = *offset;
    std::int64_t left = count.value();
    auto record = outside ? log.all().end() : log.at_or_after(*offset);
    bool const in_gap = record == log.all().end() || record->offset != *offset;
    if (options.empty_in_gaps() && in_gap)
        record = log.all().end();
    else if (record == log.all().end() && !outside)
        next = log.latest();
    for (; record != log.all().end() && left > 0; ++record, --left) {
        std::size_t const before = body.size();
        if (next != *offset)
            body += ',';
        append_record(body, *record, options.value_form());
        if (body.size() + end.size() > options.read_cap()) {
            body.resize(before);
            break;
        }
        next = record->offset + 1;
    }
    body += end;

    emulator_answer answer(200, std::move(body));
    if (options.next_offset() == emulator_next_offset::asked)
        answer.field("NextOffset", std::to_string(*offset));
    if (options.next_offset() == emulator_next_offset::behind)
        answer.field("NextOffset", std::to_string(std::max<std::int64_t>(*offset - 1, 0)));
    if (options.next_offset() == emulator_next_offset::exact)
        answer.field("NextOffset", std::to_string(next));
    return answer;
}

} // namespace hdikafka::inline v0_1::detail::emulation

#endif
