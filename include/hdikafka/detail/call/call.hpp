// One call to a service: attempts, tokens, retries, and the error that says how it ended.
#ifndef HDIKAFKA_DETAIL_CALL_CALL_HPP
#define HDIKAFKA_DETAIL_CALL_CALL_HPP

#include <hdikafka/detail/base/random.hpp>
#include <hdikafka/detail/base/secret.hpp>
#include <hdikafka/detail/call/auth_challenge.hpp>
#include <hdikafka/detail/call/report.hpp>
#include <hdikafka/detail/call/retry.hpp>
#include <hdikafka/detail/call/token_cache.hpp>
#include <hdikafka/detail/http/request.hpp>
#include <hdikafka/detail/http/response.hpp>
#include <hdikafka/detail/http/retry_after.hpp>
#include <hdikafka/detail/net/transport.hpp>
#include <hdikafka/detail/rest/service_error.hpp>
#include <hdikafka/detail/run/operation.hpp>
#include <hdikafka/detail/run/task.hpp>
#include <hdikafka/http_limits.hpp>
#include <hdikafka/milliseconds.hpp>
#include <hdikafka/result.hpp>
#include <hdikafka/retry_policy.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hdikafka::inline v0_1::detail {

/// Which call it is, in what becomes diagnostics when something goes wrong.
class call_label
{
public:
    call_label() = default;
    call_label(std::string_view name, std::string about) : operation(name), topic(std::move(about)) {}

    diagnostics describe() const
    {
        diagnostics out;
        out.operation = operation;
        out.topic = topic;
        out.request_id = request_id;
        return out;
    }

    std::string_view operation; ///< A literal.
    std::string topic;
    std::string request_id;
};

/// What is to be done, for whom, and how often it may be tried.
class call_request
{
public:
    call_request(http_request&& what, call_label&& about, pool_ptr to)
        : request(std::move(what)), info(std::move(about)), pool(std::move(to))
    {}
    call_request(call_request const&) = delete;
    call_request& operator=(call_request const&) = delete;
    ~call_request()
    {
        if (!secrets.empty())
            request.cleanse_body();
        for (std::string& one : secrets)
            cleanse(one);
    }

    http_request request;
    call_label info;
    repeatable kind = repeatable::freely;

    /// The failure that means success when an earlier attempt of the same call may have been carried
    /// out: "already exists" for a creation, "not found" for a deletion.
    std::optional<errc> settled_by;
    retry_policy retry;
    http_limits limits;
    pool_ptr pool;
    token_cache_ptr tokens;           ///< null: the request carries `shown`
    authorization shown;              ///< null: the request carries no Authorization
    std::vector<std::string> secrets; ///< what the request holds and no error may show
    header_listener* on_header = nullptr;
};

using call_request_ptr = std::unique_ptr<call_request>;

/// The answer, and whether it is a failure that an earlier attempt of the same call explains.
class call_answer
{
public:
    call_answer() = default;

    /// What is known should the body turn out to be unreadable.
    diagnostics describe() const
    {
        diagnostics out = info.describe();
        out.http_status = response.status;
        out.persisted(kind == repeatable::unsent ? persistence::possibly : persistence::none);
        return out;
    }

    /// The error for a success whose body cannot be read.
    error unreadable(error const& why) const { return error(why.code(), describe(), why.cause()); }

    http_response response;
    call_label info;
    repeatable kind = repeatable::freely;
    bool settled = false;
    bool repeated = false; ///< An earlier attempt may have been carried out, too.
    int attempts = 0;      ///< Requests that were begun, also when there is no answer.
};

/// The progress of a call, attempt by attempt; no I/O.
template <class = void>
class call_state
{
public:
    explicit call_state(call_request const& spec) : spec_(spec) {}

    /// What an answer to a request with this Authorization means.
    result<void> judge(http_response const& response, std::string_view shown)
    {
        outcome.status = response.status;
        if (response.status >= 200 && response.status <= 204)
            return result<void>();
        auto const field = [&response](std::string_view name) { return response.field(name); };
        outcome.retry_after = parse_retry_after(field, std::chrono::system_clock::now());
        diagnostics info = spec_.info.describe();
        info.retry_after = outcome.retry_after;
        auto const location = response.field("location").value_or(std::string_view());
        bool const unsure = outcome.bytes_written && !refusing_status(outcome.status);
        perhaps_done_ = perhaps_done_ || unsure;
        info.persisted(persisted());
        std::vector<std::string> secrets = spec_.secrets;
        secrets.emplace_back(shown.substr(shown.find(' ') + 1)); // without the scheme
        error const failure =
            describe_status(outcome.status, response.body_text(), location, std::move(info), secrets);
        for (std::string& one : secrets)
            cleanse(one);
        // Some proxies say it with a 500; asking again would change nothing.
        outcome.is_final = failure.code() == errc::already_exists;
        return failure;
    }

    /// The error of an attempt without an answer.
    result<void> judge(error const& failure)
    {
        outcome.code = failure.code();
        perhaps_done_ = perhaps_done_ || outcome.bytes_written;
        diagnostics info = failure.info();
        info.operation = spec_.info.operation;
        info.topic = spec_.info.topic;
        info.request_id = spec_.info.request_id;
        bool const later = failure.info().retriable() || transient_failure(failure.code()) ||
                           failure.code() == errc::timed_out;
        info.retriable(later).persisted(persisted());
        return error(failure.code(), std::move(info), failure.cause());
    }

    /// Whether the attempt's token was refused, for the first time.
    bool token_refused() noexcept { return outcome.status == 401 && !std::exchange(renewed_, true); }

    /// Whether the same request may be sent again at once, which happens one time and does not count.
    bool replays()
    {
        bool const wanted = !replayed_ && reuse_race(outcome) && harmless(spec_.retry, spec_.kind, outcome);
        replayed_ = replayed_ || wanted;
        replaying_ = wanted;
        return wanted;
    }

    /// Whether the attempt that begins now is such a replay, which goes over a connection of its own: what
    /// closed the last one may be about to close any other. Asked once for each attempt.
    bool begins_replay() noexcept { return std::exchange(replaying_, false); }

    /// How long to wait before the next attempt; nullopt to give up.
    std::optional<milliseconds> next_attempt(random_source& random, milliseconds left)
    {
        double const share = spec_.retry.jitter() ? spec_.retry.jitter()() : random.unit();
        auto const delay = decide_retry(spec_.retry, spec_.kind, outcome, retries_, share, left);
        retries_ += delay ? 1 : 0;
        return delay;
    }

    /// Whether an attempt so far may have been carried out.
    bool perhaps_done() const noexcept { return perhaps_done_; }

    attempt_outcome outcome;

private:
    persistence persisted() const noexcept
    {
        bool const records = spec_.kind == repeatable::unsent;
        return records && perhaps_done_ ? persistence::possibly : persistence::none;
    }

    call_request const& spec_;
    int retries_ = 0;
    bool renewed_ = false;
    bool replayed_ = false;
    bool replaying_ = false;
    bool perhaps_done_ = false;
};

/// A refused token is replaced by one that holds what the answer demands, and a connection that the server
/// had just closed costs nothing: one time each.
template <class = void>
bool repeats_at_once(call_state<>& state, call_request& spec, authorization const& token,
                     http_response const& answer)
{
    if (spec.tokens && state.token_refused() && spec.tokens->refuse(token, demanded_claims(answer)))
        return true;
    if (!state.replays())
        return false;
    spec.pool->drop_idle(state.outcome.idle_since);
    return true;
}

/// Carries out `spec`, which it uses up.
template <class = void>
task call(operation_ptr op, transport_ptr http, call_request& spec, call_answer& answer)
{
    call_state<> state(spec);
    call_report<> report(http->settings().observer, spec.info.operation, spec.info.topic,
                         spec.info.request_id);
    for (;;) {
        state.outcome = attempt_outcome();
        if (op->stopped())
            co_return report.ends(state.judge(error(op->stopped())));
        bool const repeated = state.perhaps_done();
        authorization token = spec.shown;
        if (spec.tokens) {
            token = spec.tokens->current(http);
            if (!token) {
                auto const waited = co_await spec.tokens->wait(op, http, token);
                if (!waited)
                    co_return report.ends(state.judge(waited.error()));
            }
        }
        std::string_view const shown = token ? std::string_view(token->text()) : std::string_view();
        if (!spec.request.sound(spec.pool->host_field(), token.get()))
            co_return report.ends(
                state.judge(error(errc::invalid_option, "a part of the request cannot be sent in HTTP")));
        report.attempt_begins();
        ++answer.attempts;
        bool const fresh = state.begins_replay();
        auto const sent = co_await http->send(op, spec.pool, fresh, spec.request, token, spec.limits,
                                              state.outcome, answer.response, spec.on_header);
        op->end_phase();

        auto const judged = sent ? state.judge(answer.response, shown) : state.judge(sent.error());
        report.attempt_ends(state.outcome, judged);
        bool const settled =
            !judged && repeated && spec.settled_by && judged.error().code() == *spec.settled_by;
        if (judged || settled) {
            auto done = report.ends(result<void>());
            answer.info = std::move(spec.info);
            answer.kind = spec.kind;
            answer.settled = settled;
            answer.repeated = repeated;
            co_return done;
        }
        if (op->time_left() > milliseconds(0) && repeats_at_once(state, spec, token, answer.response)) {
            report.retry_follows(state.outcome, judged, milliseconds(0));
            continue;
        }
        auto const delay = state.next_attempt(http->random(), op->time_left());
        if (!delay)
            co_return report.ends(judged);
        report.retry_follows(state.outcome, judged, *delay);
        bool const in_time = co_await op->rest(steady_clock::now() + *delay);
        if (!in_time) {
            state.outcome = attempt_outcome(); // no further attempt was made
            co_return report.ends(
                state.judge(op->interruption("waiting to try again after: " + judged.error().cause())));
        }
    }
}

} // namespace hdikafka::inline v0_1::detail

#endif
