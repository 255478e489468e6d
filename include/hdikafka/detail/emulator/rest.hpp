// The proxy's part of the emulator: one function for each operation of the API but reads, which have
// reading.hpp.
#ifndef HDIKAFKA_DETAIL_EMULATOR_REST_HPP
#define HDIKAFKA_DETAIL_EMULATOR_REST_HPP

#include <hdikafka/detail/emulator/broker.hpp>
#include <hdikafka/detail/emulator/codec.hpp>
#include <hdikafka/detail/emulator/message.hpp>
#include <hdikafka/detail/emulator/options.hpp>
#include <hdikafka/detail/emulator/refusal.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace hdikafka::inline v0_1::detail::emulation {

inline emulator_answer status_answer() { return emulator_answer(200, "\"The emulator is running.\""); }

inline emulator_answer brokers_answer()
{
    std::string body = R"({"brokers":)";
    append_list(body, emulator_broker_endpoints.size(), append_broker);
    return emulator_answer(200, body + '}');
}

inline emulator_answer topics_answer(emulator_broker const& broker, emulator_view const& view)
{
    auto const names = broker.shown_topics(view);
    std::string body = R"({"topics":)";
    append_list(body, names.size(),
                [&names](std::string& out, std::size_t n) { out += json_text(names[n]); });
    return emulator_answer(200, body + '}');
}

inline emulator_answer partitions_answer(emulator_broker const& broker, std::string_view topic,
                                         emulator_view const& view)
{
    auto const shown = broker.shown(topic, view);
    if (!shown)
        return refusal(shown.error());
    std::string body = R"({"topic":)" + json_text(topic) + R"(,"partitions":)";
    append_list(body, shown.value()->partition_count(view.now), [&](std::string& out, std::size_t id) {
        append_partition(out, *shown.value(), id, view.now, broker.quirks());
    });
    return emulator_answer(200, body + '}');
}

inline emulator_answer partition_answer(emulator_broker const& broker, std::string_view topic,
                                        std::string_view id, emulator_view const& view)
{
    auto const number = parse_number(id);
    if (!number)
        return proxy_error(400, "the partition must be a number");
    auto const shown = broker.shown(topic, view);
    if (!shown)
        return refusal(shown.error());
    if (*number >= static_cast<std::int64_t>(shown.value()->partition_count(view.now)))
        return refusal(emulator_broker::no_partition(topic, *number));
    std::string body;
    append_partition(body, *shown.value(), static_cast<std::size_t>(*number), view.now, broker.quirks());
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
                                      std::size_t& refused, emulator_view const& view)
{
    if (auto wrong = check_content_type(request))
        return std::move(*wrong);
    auto records = read_new_records(request.body);
    if (!records)
        return refusal(records.error());
    if (broker.find(topic) == nullptr || !broker.admits(topic, view)) {
        emulator_answer missing = refusal(emulator_broker::no_topic(topic));
        if (broker.quirks().missing_topic_hangs())
            missing.action = emulator_action::stall;
        return missing;
    }
    auto const produced = broker.produce(topic, std::move(records).value(), refused, view.now);
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

} // namespace hdikafka::inline v0_1::detail::emulation

#endif
