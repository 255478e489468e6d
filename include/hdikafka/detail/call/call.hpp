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
#include <hdikafka/detail/http/response_parser.hpp>
#include <hdikafka/detail/http/retry_after.hpp>
#include <hdikafka/detail/net/attempt.hpp>
#include <hdikafka/detail/net/transport.hpp>
#include <hdikafka/detail/rest/service_error.hpp>
#include <hdikafka/detail/run/operation.hpp>
#include <hdikafka/detail/run/task.hpp>
#include <hdikafka/http_limits.hpp>
#include <hdikafka/milliseconds.hpp>
#include <hdikafka/observer.hpp>
#include <hdikafka/result.hpp>
#include <hdikafka/retry_policy.hpp>

#include <chrono>
#include <cstddef>
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

/// What is still to be done when an attempt was the last one and failed, before the call ends: as a part of
/// it, for those that succeed are not to pay for it. Outlives the call.
class call_aftermath
{
public:
    /// Gives the call's outcome.
    virtual task failed(operation_ptr op, result<void> outcome) = 0;

protected:
    ~call_aftermath() = default;
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
            request.cleanse();
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
    call_aftermath* aftermath = nullptr;
    bool fresh = false;        ///< Goes over a connection that is made for it.
    bool topic_exists = false; ///< "Not found" comes from a node that is behind, see decide_second_look().
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
    error unreadable(error const& why) const
    {
        diagnostics out = describe();
        out.offset = why.info().offset;
        return error(why.code(), std::move(out), why.cause());
    }

    http_response response;
    std::size_t json_depth = http_limits().json_depth(); ///< Of its body, if there are records in it.
    call_label info;
    repeatable kind = repeatable::freely;
    bool settled = false;
    bool repeated = false; ///< An earlier attempt may have been carried out, too.
    int attempts = 0;      ///< Requests that were begun, also when there is no answer.
};

/// The progress of a call, attempt by attempt, of which its observer is told; no I/O.
template <class = void>
class call_state
{
public:
    call_state(observer const& watcher, call_request& spec, call_answer& answer)
        : spec_(spec),
          answer_(answer),
          report_(watcher, spec.info.operation, spec.info.topic, spec.info.request_id)
    {}

    /// Goes on to the next attempt, of which nothing is known yet.
    void prepare()
    {
        outcome = attempt_outcome();
        answer_.repeated = perhaps_done_;
    }

    /// Begins it. Whether it goes over a connection of its own: as it was asked for; as a replay, for what
    /// closed the last one may be about to close any other; or to come to another node.
    bool begin()
    {
        report_.attempt_begins();
        ++answer_.attempts;
        return std::exchange(elsewhere_, false) || spec_.fresh;
    }

    /// Takes in what it came to, with this Authorization. Whether the call has succeeded: by an answer that
    /// says so, or because an earlier attempt did what this one was refused.
    bool succeeds(result<void> const& sent, authorization const& token)
    {
        judged_ = sent ? judge(answer_.response, token) : judge(sent.error());
        report_.attempt_ends(outcome, judged_);
        answer_.settled =
            !judged_ && answer_.repeated && spec_.settled_by && judged_.error().code() == *spec_.settled_by;
        return judged_ || answer_.settled;
    }

    /// The call's end with that success.
    result<void> success()
    {
        auto done = report_.ends(result<void>());
        answer_.info = std::move(spec_.info);
        answer_.kind = spec_.kind;
        answer_.json_depth = spec_.limits.json_depth();
        return done;
    }

    /// Whether the next attempt is to follow at once: with another token in the place of one that was
    /// refused, or over another connection than one that the server had just closed. One time each, which
    /// does not count.
    bool repeats_at_once(authorization const& token)
    {
        bool const again = takes_new_token(token) || replays();
        if (again)
            report_.retry_follows(outcome, judged_, milliseconds(0));
        return again;
    }

    /// Tells whoever wants to know of failures on the way of `op`.
    void tell(operation<> const& op) const { op.setback(judged_.error()); }

    /// How long to back off before the next attempt; nullopt to give up.
    std::optional<milliseconds> back_off(random_source& random, milliseconds left)
    {
        double const share = spec_.retry.jitter() ? spec_.retry.jitter()() : random.unit();
        bool const behind = met_node_behind();
        int& retries = unsent(outcome) ? unsent_retries_ : retries_;
        auto const delay = behind ? decide_second_look(spec_.retry, looks_, share, left)
                                  : decide_retry(spec_.retry, spec_.kind, outcome, retries, share, left);
        if (delay) {
            ++(behind ? looks_ : retries);
            elsewhere_ = behind;
            report_.retry_follows(outcome, judged_, *delay);
        }
        return delay;
    }

    /// The call's end with what the last attempt came to.
    result<void> failure() { return report_.ends(judged_); }

    /// The call's end before another attempt has begun.
    result<void> failure(error const& why) { return report_.ends(complete(why)); }

    /// The same when the caller had enough of waiting for it.
    result<void> gave_up_waiting(operation<> const& op)
    {
        return failure(op.interruption("waiting to try again after: " + judged_.error().cause()));
    }

    attempt_outcome outcome;

private:
    /// What an answer means.
    result<void> judge(http_response const& response, authorization const& token)
    {
        outcome.status = response.status;
        if (response.status >= 200 && response.status <= 204)
            return result<void>();
        auto const field = [&response](std::string_view name) { return response.field(name); };
        outcome.retry_after = parse_retry_after(field, std::chrono::system_clock::now());
        diagnostics info = spec_.info.describe();
        info.retry_after = outcome.retry_after;
        auto const location = response.field("location").value_or(std::string_view());
        perhaps_done_ = perhaps_done_ || perhaps_done(outcome);
        info.persisted(persisted());
        std::vector<std::string> secrets = spec_.secrets;
        std::string_view const shown = token ? std::string_view(token->text()) : std::string_view();
        secrets.emplace_back(shown.substr(shown.find(' ') + 1)); // without the scheme
        error const failure =
            describe_status(outcome.status, response.body_text(), location, std::move(info), secrets);
        for (std::string& one : secrets)
            cleanse(one);
        // Some proxies say it with a 500; asking again would change nothing.
        outcome.is_final = failure.code() == errc::already_exists;
        return failure;
    }

    /// What it means that there is no answer.
    result<void> judge(error const& failure)
    {
        outcome.code = failure.code();
        perhaps_done_ = perhaps_done_ || perhaps_done(outcome);
        return complete(failure);
    }

    /// The error with what is known of the call.
    error complete(error const& failure) const
    {
        diagnostics info = failure.info();
        info.operation = spec_.info.operation;
        info.topic = spec_.info.topic;
        info.request_id = spec_.info.request_id;
        bool const later = failure.info().retriable() || transient_failure(failure.code()) ||
                           failure.code() == errc::timed_out;
        info.retriable(later).persisted(persisted());
        return error(failure.code(), std::move(info), advised(failure, spec_.info.operation));
    }

    persistence persisted() const noexcept
    {
        bool const records = spec_.kind == repeatable::unsent;
        return records && perhaps_done_ ? persistence::possibly : persistence::none;
    }

    bool takes_new_token(authorization const& refused)
    {
        return spec_.tokens && outcome.status == 401 && !std::exchange(renewed_, true) &&
               spec_.tokens->refuse(refused, demanded_claims(answer_.response));
    }

    bool replays()
    {
        if (replayed_ || !reuse_race(outcome) || !harmless(spec_.retry, spec_.kind, outcome))
            return false;
        replayed_ = elsewhere_ = true;
        spec_.pool->drop_idle(outcome.idle_since);
        return true;
    }

    /// Whether a node did not know a topic that is there.
    bool met_node_behind() const
    {
        constexpr std::string_view no_such_partition = "40402"; // in the words of Kafka's REST proxies
        return spec_.topic_exists && outcome.status == 404 &&
               judged_.error().info().server_code != no_such_partition;
    }

    call_request& spec_;
    call_answer& answer_;
    call_report<> report_;
    result<void> judged_; ///< What the last attempt is to the call.
    int retries_ = 0;
    int unsent_retries_ = 0; ///< Retries where nothing had been written.
    int looks_ = 0;          ///< Retries because of nodes that were behind.
    bool renewed_ = false;
    bool replayed_ = false;
    bool elsewhere_ = false;    ///< The next attempt goes over a connection of its own.
    bool perhaps_done_ = false; ///< An attempt so far may have been carried out.
};

/// Carries out `spec`, which it uses up.
template <class = void>
task call(operation_ptr op, transport_ptr http, call_request& spec, call_answer& answer)
{
    call_state<> state(http->settings().observer, spec, answer);
    for (;;) {
        state.prepare();
        if (op->stopped())
            co_return state.failure(error(op->stopped()));
        authorization token = spec.tokens ? spec.tokens->current(http) : spec.shown;
        if (!token && spec.tokens) {
            auto const waited = co_await spec.tokens->wait(op, http, token);
            if (!waited)
                co_return state.failure(waited.error());
        }
        auto const checked = spec.request.check(spec.pool->host(), token.get());
        if (!checked)
            co_return state.failure(
                error(errc::invalid_option, "a part of the request cannot be sent in HTTP"));
        attempt now{*checked, spec.limits, spec.on_header, state.outcome, answer.response};
        bool const fresh = state.begin();
        auto const sent = co_await http->send(op, *spec.pool, fresh, now);
        op->end_phase();

        if (state.succeeds(sent, token))
            co_return state.success();
        state.tell(*op);
        if (op->time_left() > milliseconds(0) && state.repeats_at_once(token))
            continue;
        auto const delay = state.back_off(http->random(), op->time_left());
        if (delay) {
            bool const in_time = co_await op->rest(steady_clock::now() + *delay);
            if (in_time)
                continue;
        }
        result<void> outcome = delay ? state.gave_up_waiting(*op) : state.failure();
        if (!spec.aftermath)
            co_return outcome;
        auto const told = co_await spec.aftermath->failed(op, std::move(outcome));
        co_return told;
    }
}

} // namespace hdikafka::inline v0_1::detail

#endif
