// The actions that other programs can ask of the emulator, by name: what C++ tests do by its functions.
#ifndef HDIKAFKA_DETAIL_EMULATOR_ADMIN_ACTIONS_HPP
#define HDIKAFKA_DETAIL_EMULATOR_ADMIN_ACTIONS_HPP

#include <hdikafka/detail/emulator/admin_arguments.hpp>
#include <hdikafka/detail/emulator/authority.hpp>
#include <hdikafka/detail/emulator/broker.hpp>
#include <hdikafka/detail/emulator/checks.hpp>
#include <hdikafka/detail/emulator/fault.hpp>
#include <hdikafka/detail/emulator/refusal.hpp>
#include <hdikafka/detail/producer/partition_choice.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hdikafka::inline v0_1::detail::emulation {

/// The answer's JSON, or why there is none.
using admin_outcome = result<std::string>;

/// One thing that can be asked for; Service is emulator_service.
template <class Service>
class admin_action
{
public:
    std::string_view name;
    std::string_view members; ///< Of the body, see read_admin_arguments().
    admin_outcome (*act)(Service&, admin_arguments const&, emulator_time now);
    bool look = false; ///< GET: it changes nothing.
};

inline admin_outcome admin_done(result<void> const& done)
{
    return done ? admin_outcome("{}") : admin_outcome(done.error());
}

/// Changes the partition that the arguments name.
template <class Service, class Change>
admin_outcome edited(Service& service, admin_arguments const& with, Change change)
{
    return admin_done(service.broker().edit(with.text("topic"), with.small("partition"), change));
}

template <class Service, class Change>
admin_outcome troubled(Service& service, admin_arguments const& with, Change change)
{
    auto const there = service.broker().trouble(with.text("topic"), with.small("partition"));
    if (!there)
        return there.error();
    change(*there.value());
    return std::string("{}");
}

inline emulator_topic_config admin_topic(admin_arguments const& with)
{
    emulator_topic_config out;
    out.partition_count = with.small("partitions", 1);
    return out;
}

inline result<emulator_fault> read_admin_fault(admin_arguments const& with)
{
    using kind = emulator_fault::kind;
    auto const what = with.word<kind>("fault");
    if (with.has("status") != (what == kind::answer))
        return bad_body("status belongs to the fault answer, and to no other");
    if (with.has("delay_ms") != (what == kind::slow))
        return bad_body("delay_ms belongs to the fault slow, and to no other");
    if (with.has("retry_after") && what != kind::answer)
        return bad_body("retry_after belongs to the fault answer");
    std::int32_t const status = with.small("status");
    if (what == kind::answer && (status < 200 || status > 599))
        return bad_body("status must be 200 to 599");
    emulator_fault out = emulator_fault::stall();
    switch (what) {
    case kind::answer: out = emulator_fault::answer(status); break;
    case kind::drop_request: out = emulator_fault::drop_request(); break;
    case kind::drop_answer: out = emulator_fault::drop_answer(); break;
    case kind::stall: break;
    case kind::slow: out = emulator_fault::slow(with.time("delay_ms")); break;
    }
    out.times(with.count("times", 1));
    if (auto const route = with.optional_word<emulator_route>("on"))
        out.on(*route);
    if (with.has("retry_after"))
        out.retry_after(std::chrono::seconds(with.number("retry_after")));
    return out;
}

inline admin_outcome admin_append(emulator_broker& broker, admin_arguments const& with, emulator_time now)
{
    emulator_new_record record;
    record.value = with.has("text") ? with.text("text") : std::string(with.raw("value"));
    if (with.has("key")) {
        record.key = std::string(with.raw("key"));
        record.key_bytes = key_bytes(*record.key);
    }
    record.partition = with.optional_small("partition");
    record.stamped = true;
    if (!with.has("timestamp"))
        record.timestamp = now;
    else if (with.set("timestamp"))
        record.timestamp = emulator_time(with.time("timestamp"));
    std::vector<emulator_new_record> one;
    one.push_back(std::move(record));
    auto const placed = broker.produce(with.text("topic"), std::move(one), 0, now);
    if (!placed)
        return placed.error();
    auto const& where = placed.value().front();
    return R"({"partition":)" + std::to_string(where.partition) + R"(,"offset":)" +
           std::to_string(where.offset) + '}';
}

inline admin_outcome admin_silence(emulator_broker& broker, admin_arguments const& with, emulator_time now)
{
    if (with.has("reads") == with.has("ms"))
        return bad_body("either reads or ms says how long the silence is");
    if (with.has("partition") && !with.has("topic"))
        return bad_body("partition needs a topic");
    emulator_silence out(with.text("topic"), with.optional_small("partition"),
                         with.count("reads", emulator_forever));
    if (with.has("ms"))
        out.until = now + with.time("ms");
    return admin_done(broker.silence(std::move(out)));
}

/// Only those that are given change.
inline admin_outcome admin_quirks(emulator_broker& broker, admin_arguments const& with)
{
    emulator_quirks out = broker.quirks();
    if (with.has("empty_in_gaps"))
        out.empty_in_gaps(with.flag("empty_in_gaps"));
    if (with.has("gap_next_offset"))
        out.gap_next_offset(with.optional_word<emulator_next_offset>("gap_next_offset"));
    if (with.has("silent_next_offset"))
        out.silent_next_offset(with.optional_word<emulator_next_offset>("silent_next_offset"));
    if (with.has("max_read_bytes"))
        out.max_read_bytes(with.set("max_read_bytes") ? std::optional(with.count("max_read_bytes"))
                                                      : std::nullopt);
    if (with.has("leaderless"))
        out.leaderless(with.word<emulator_leaderless>("leaderless"));
    if (with.has("leaderless_offsets"))
        out.leaderless_offsets(with.word<emulator_leaderless_offsets>("leaderless_offsets"));
    out.leaderless_status(with.small("leaderless_status", out.leaderless_status()));
    out.leaders_after(milliseconds(with.number("leaders_after_ms", out.leaders_after().count())));
    out.partitions_after(milliseconds(with.number("partitions_after_ms", out.partitions_after().count())));
    out.nodes(with.count("nodes", out.nodes()));
    out.node_delay(milliseconds(with.number("node_delay_ms", out.node_delay().count())));
    out.node_looks(with.count("node_looks", out.node_looks()));
    if (with.has("missing_topic_hangs"))
        out.missing_topic_hangs(with.flag("missing_topic_hangs"));
    if (with.has("status_needs_token"))
        out.status_needs_token(with.flag("status_needs_token"));
    if (auto const good = check_quirks(out); !good)
        return bad_body(good.error().cause());
    broker.quirks(std::move(out));
    return std::string("{}");
}

template <class Service>
admin_outcome admin_calls(Service& service)
{
    auto const calls = service.calls();
    std::string body = R"({"calls":)";
    append_list(body, calls.size(), [&calls](std::string& out, std::size_t n) {
        emulator_call const& call = calls[n];
        out += R"({"route":)" + json_text(to_string(call.route)) + R"(,"method":)" + json_text(call.method);
        out += R"(,"target":)" + json_text(call.target) + R"(,"request_id":)" + json_text(call.request_id);
        out += R"(,"connection":)" + std::to_string(call.connection);
        out += R"(,"status":)" + std::to_string(call.status) + '}';
    });
    return body + '}';
}

template <class Service>
admin_outcome admin_counts(Service& service)
{
    std::string body = "{";
    for (std::size_t n = 0; n < emulator_route_count; ++n) {
        auto const route = static_cast<emulator_route>(n);
        body += (n == 0 ? "\"" : ",\"") + std::string(to_string(route)) +
                "\":" + std::to_string(service.count(route));
    }
    return body + '}';
}

inline admin_outcome admin_list(std::vector<std::string> const& texts, std::string_view name)
{
    std::string body = "{\"" + std::string(name) + "\":";
    append_list(body, texts.size(),
                [&texts](std::string& out, std::size_t n) { out += json_text(texts[n]); });
    return body + '}';
}

/// All actions.
template <class Service>
class admin_actions
{
    using with = admin_arguments const&;
    using time = emulator_time;

public:
    static constexpr auto all = std::to_array<admin_action<Service>>({
        // What was asked, and what is there.
        {"calls", "", [](Service& to, with, time) { return admin_calls(to); }, true},
        {"counts", "", [](Service& to, with, time) { return admin_counts(to); }, true},
        {"topics", "", [](Service& to, with, time) { return admin_list(to.broker().topics(), "topics"); }, true},
        {"forget_calls", "", [](Service& to, with, time) { return to.forget_calls(), admin_done({}); }},
        // What goes wrong.
        {"inject", "fault status? delay_ms? on? times? retry_after?",
         [](Service& to, with in, time) -> admin_outcome {
             auto fault = read_admin_fault(in);
             if (!fault)
                 return fault.error();
             to.inject(std::move(fault).value());
             return std::string("{}");
         }},
        {"refuse_records", "count",
         [](Service& to, with in, time) { return to.refuse_records(in.count("count")), admin_done({}); }},
        {"silence", "reads? ms? topic? partition?",
         [](Service& to, with in, time now) { return admin_silence(to.broker(), in, now); }},
        {"end_silence", "", [](Service& to, with, time) { return to.broker().silences().end(), admin_done({}); }},
        {"silence_at", "topic partition offset reads?",
         [](Service& to, with in, time) {
             return troubled(to, in, [in](auto& there) {
                 there.silence_at(in.number("offset"), in.count("reads", emulator_forever));
             });
         }},
        {"fail_at", "topic partition offset status? reads?",
         [](Service& to, with in, time) -> admin_outcome {
             int const status = in.small("status", 500);
             if (!is_refusal(status))
                 return bad_body("status must be 400 to 599");
             return troubled(to, in, [in, status](auto& there) {
                 there.fail_at(in.number("offset"), status, in.count("reads", emulator_forever));
             });
         }},
        {"lose_leader", "topic partition",
         [](Service& to, with in, time) { return troubled(to, in, [](auto& it) { it.leaderless = true; }); }},
        {"elect_leader", "topic partition",
         [](Service& to, with in, time) { return troubled(to, in, [](auto& it) { it.leaderless = false; }); }},
        {"quirks",
         "empty_in_gaps? gap_next_offset? silent_next_offset? max_read_bytes? leaderless? leaderless_offsets? "
         "leaderless_status? leaders_after_ms? partitions_after_ms? nodes? node_delay_ms? node_looks? "
         "missing_topic_hangs? status_needs_token?",
         [](Service& to, with in, time) { return admin_quirks(to.broker(), in); }},
        // What happens to tokens.
        {"expire_tokens", "", [](Service& to, with, time) { return to.authority().expire_all(), admin_done({}); }},
        {"require_claims", "claims",
         [](Service& to, with in, time) {
             to.authority().require_claims(in.set("claims") ? std::string(in.raw("claims")) : std::string());
             return admin_done({});
         }},
        {"in_security_group", "member",
         [](Service& to, with in, time) { return to.authority().in_security_group(in.flag("member")), admin_done({}); }},
        {"rotate_client_secret", "secret",
         [](Service& to, with in, time) { return to.authority().client_secret(in.text("secret")), admin_done({}); }},
        // What happens to topics.
        {"add_topic", "topic partitions?",
         [](Service& to, with in, time) { return admin_done(to.broker().add(in.text("topic"), admin_topic(in))); }},
        {"add_partitions", "topic total",
         [](Service& to, with in, time) {
             return admin_done(to.broker().add_partitions(in.text("topic"), in.small("total")));
         }},
        {"create_topic", "topic partitions?",
         [](Service& to, with in, time now) {
             return admin_done(to.broker().create(in.text("topic"), admin_topic(in), now));
         }},
        {"delete_topic", "topic",
         [](Service& to, with in, time now) { return admin_done(to.broker().remove(in.text("topic"), now)); }},
        {"recreate_topic", "topic",
         [](Service& to, with in, time) { return admin_done(to.broker().recreate(in.text("topic"))); }},
        {"append", "topic value key? partition? timestamp?",
         [](Service& to, with in, time now) { return admin_append(to.broker(), in, now); }},
        {"append_raw", "topic partition text",
         [](Service& to, with in, time now) { return admin_append(to.broker(), in, now); }},
        {"trim", "topic partition offset",
         [](Service& to, with in, time) {
             return edited(to, in, [in](auto& log) { log.trim(in.number("offset")); });
         }},
        {"retain", "topic partition count",
         [](Service& to, with in, time) {
             return edited(to, in, [in](auto& log) { log.retain(in.count("count")); });
         }},
        {"truncate", "topic partition offset",
         [](Service& to, with in, time) {
             return edited(to, in, [in](auto& log) { log.truncate(in.number("offset")); });
         }},
        {"compact", "topic partition first last",
         [](Service& to, with in, time) {
             return edited(to, in, [in](auto& log) { log.compact(in.number("first"), in.number("last")); });
         }},
        {"inject_gap", "topic partition count",
         [](Service& to, with in, time) {
             return edited(to, in, [in](auto& log) { log.skip(in.number("count")); });
         }},
    });
};

} // namespace hdikafka::inline v0_1::detail::emulation

#endif
