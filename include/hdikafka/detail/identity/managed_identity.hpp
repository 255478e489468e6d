// Tokens for the identity that Azure gives to the machine.
#ifndef HDIKAFKA_DETAIL_IDENTITY_MANAGED_IDENTITY_HPP
#define HDIKAFKA_DETAIL_IDENTITY_MANAGED_IDENTITY_HPP

#include <hdikafka/detail/base/secret.hpp>
#include <hdikafka/detail/call/auth_challenge.hpp>
#include <hdikafka/detail/call/call.hpp>
#include <hdikafka/detail/call/token_source.hpp>
#include <hdikafka/detail/http/request.hpp>
#include <hdikafka/detail/http/url.hpp>
#include <hdikafka/detail/identity/arc_key.hpp>
#include <hdikafka/detail/identity/entra_hints.hpp>
#include <hdikafka/detail/identity/imds_plan.hpp>
#include <hdikafka/detail/identity/managed_identity_plan.hpp>
#include <hdikafka/detail/identity/settings.hpp>
#include <hdikafka/detail/identity/token_response.hpp>
#include <hdikafka/detail/net/transport.hpp>
#include <hdikafka/detail/run/children.hpp>
#include <hdikafka/detail/run/operation.hpp>
#include <hdikafka/detail/run/task.hpp>
#include <hdikafka/detail/run/waiters.hpp>
#include <hdikafka/result.hpp>

#include <chrono>
#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace hdikafka::inline v0_1::detail {

/// A request to an endpoint that gives tokens to the machine's identity.
class identity_request
{
public:
    identity_request(url where, std::string name) : target(std::move(where)), id(std::move(name))
    {
        retry.max_retries(0);
    }

    url target;
    std::string id;                            ///< x-ms-client-request-id
    std::shared_ptr<identity_plan const> plan; ///< Whose field it carries; null: no endpoint's.
    retry_policy retry;                        ///< None unless it is changed.
    authorization shown;                       ///< For Authorization, or null.
};

/// `answer` has the last answer also after a failure.
template <class = void>
task call_identity_host(operation_ptr op, transport_ptr http, identity_request const& asked,
                        call_answer& answer)
{
    call_label info("token", std::string());
    info.request_id = asked.id;
    http_request request("GET", asked.target.path);
    if (asked.plan)
        request.add(asked.plan->field, asked.plan->value.text());
    request.add("Accept", "application/json");
    request.add("Accept-Encoding", "identity");
    request.add("User-Agent", http->settings().user_agent);
    request.add("x-ms-client-request-id", asked.id);
    call_request spec(std::move(request), std::move(info), http->pool(asked.target, route::direct));
    constexpr std::size_t largest_answer = 64 * 1024;
    spec.limits.body(largest_answer);
    spec.retry = asked.retry;
    spec.shown = asked.shown;
    if (asked.plan)
        spec.secrets = asked.plan->secrets();
    auto outcome = co_await call<>(op, http, spec, answer);
    co_return outcome;
}

/// Looking for IMDS, which must not take long: a request as an operation of its own, with a deadline of its
/// own.
template <class Lazy = void>
class imds_search final : public child<Lazy>
{
public:
    /// Where the outcome is waited for.
    class hall
    {
    public:
        std::mutex mutex;
        waiters<result<void>> waiting{mutex};
        call_answer answer; ///< Whole before the outcome is told.
    };
    using place = typename waiters<result<void>>::place;

    imds_search(std::shared_ptr<hall> tells, transport_ptr http, identity_request asked)
        : tells_(std::move(tells)), http_(std::move(http)), asked_(std::move(asked))
    {}

    task run(operation_ptr op) override
    {
        auto outcome = co_await call_identity_host<>(op, http_, asked_, tells_->answer);
        co_return outcome;
    }

    void ended(result<void> const& outcome) noexcept override
    {
        std::lock_guard const lock(tells_->mutex);
        tells_->waiting.answer_all(outcome);
    }

private:
    std::shared_ptr<hall> const tells_;
    transport_ptr const http_;
    identity_request const asked_;
};

template <class = void>
class managed_identity_source final : public token_source
{
public:
    /// For tests: another folder for the keys of Azure Arc, and pauses between requests to IMDS that are so
    /// many times shorter.
    explicit managed_identity_source(managed_identity_settings settings,
                                     std::string key_folder = arc_key_folder, int haste = 1)
        : settings_(std::move(settings)), key_folder_(std::move(key_folder)), haste_(haste)
    {}

    /// None of the endpoints takes claims.
    task request(operation_ptr op, transport_ptr http, std::string const&, token_grant& grant) override
    {
        grant.source = "managed identity";
        auto planned = plan_identity(settings_, identity_environment());
        if (!planned)
            co_return planned.error();
        auto const own = std::make_shared<identity_plan const>(std::move(planned).value());
        identity_plan const& plan = *own;
        grant.source = source_name(plan.host);
        identity_request asked(plan.endpoint, http->random().uuid());
        asked.plan = own;
        call_answer answer;
        auto outcome = result<void>();
        if (plan.host == identity_host::imds)
            outcome = co_await ask_imds(op, http, asked, answer);
        else
            outcome = co_await ask_local(op, http, asked, answer);
        if (!outcome)
            co_return outcome;
        std::string const from = who(plan) + " answered, and the answer";
        auto parsed =
            parse_token_response(answer.response.body_text(), std::chrono::system_clock::now(), from);
        answer.response.cleanse();
        if (!parsed)
            co_return answer.unreadable(parsed.error());
        grant.token = std::move(parsed).value();
        co_return result<void>();
    }

    void join_chain() noexcept override { in_chain_ = true; }

private:
    /// App Service, or the agent of Azure Arc: its first answer names a file whose content the second request
    /// has to show.
    task ask_local(operation_ptr op, transport_ptr http, identity_request& asked, call_answer& answer)
    {
        asked.retry = http->settings().retry;
        auto outcome = co_await call_identity_host<>(op, http, asked, answer);
        secret key;
        if (asked.plan->host == identity_host::arc && !outcome && outcome.error().info().http_status == 401) {
            auto const path = challenge_parameter(answer.response, "Basic", "realm");
            auto found = read_arc_key(path.value_or(std::string()), key_folder_);
            if (!found)
                co_return error(found.error().code(), outcome.error().info(), found.error().cause());
            key = std::move(found).value();
            asked.shown = std::make_shared<field_value const>("Basic " + key.text());
            outcome = co_await call_identity_host<>(op, http, asked, answer);
        }
        if (!outcome)
            co_return explain(*asked.plan, outcome.error(), answer.response, key.text());
        co_return outcome;
    }

    task ask_imds(operation_ptr op, transport_ptr http, identity_request& asked, call_answer& answer)
    {
        if (in_chain_ && !found_) {
            bool served = false;
            auto const found = co_await find_imds(op, http, asked, answer, served);
            if (!found || served)
                co_return found;
        }
        imds_retries retries;
        for (;;) {
            auto const outcome = co_await call_identity_host<>(op, http, asked, answer);
            if (outcome)
                co_return outcome;
            auto const pause = retries.next(outcome.error(), op->time_left());
            if (!pause)
                co_return explain(*asked.plan, outcome.error(), answer.response, std::string_view());
            bool const in_time = co_await op->rest(steady_clock::now() + *pause / haste_);
            if (!in_time)
                co_return op->interruption("waiting to try again after: " + outcome.error().cause());
        }
    }

    /// Asks without the field first, which no other program can be made to forget. What then answers like a
    /// stranger is asked for a token once, and may have one: `served`, with `answer`. Otherwise there is no
    /// managed identity here, which holds for a while.
    task find_imds(operation_ptr op, transport_ptr http, identity_request const& asked, call_answer& answer,
                   bool& served)
    {
        std::string const where = asked.target.host_field();
        std::string why = absence_.recall(where, steady_clock::now());
        if (!why.empty())
            co_return error(errc::no_credential, why);
        identity_request const probe(imds_probe(*asked.plan), asked.id);
        result<void> found;
        auto waited = co_await look(op, http, probe, answer, found);
        if (!waited)
            co_return waited;
        if (answered(found) && !shows_imds(answer.response)) {
            waited = co_await look(op, http, asked, answer, found);
            if (!waited)
                co_return waited;
            auto const now = std::chrono::system_clock::now();
            served = found && parse_token_response(answer.response.body_text(), now);
        }
        found_ = served || (answered(found) && shows_imds(answer.response));
        if (found_)
            co_return result<void>();
        why = "managed identity: there is no instance metadata service: ";
        why += answered(found) ? where + " answered " + stranger_in_words(answer.response)
                               : found.error().cause();
        absence_.note(where, why, steady_clock::now());
        co_return error(errc::no_credential, why);
    }

    static bool answered(result<void> const& found) { return found || found.error().info().http_status != 0; }

    /// One request, for a second at most; fails only with the operation's own end.
    task look(operation_ptr op, transport_ptr http, identity_request const& asked, call_answer& answer,
              result<void>& found)
    {
        constexpr std::chrono::seconds limit(1);
        auto const hall = std::make_shared<typename imds_search<>::hall>();
        imds_search<>::place mine(hall, hall->waiting, *op);
        hall->waiting.join(mine); // nobody else is there yet
        auto const own = http->make_operation(steady_clock::now() + limit);
        children<> search;
        search.start(own, std::make_unique<imds_search<>>(hall, http, asked));
        op->end_phase(); // of what was done before: only the operation's own end may end the wait
        auto const waited = co_await mine.wait("looking for the instance metadata service");
        search.cancel(); // if it goes on
        if (!waited)
            co_return waited;
        found = mine.take();
        answer = std::move(hall->answer);
        co_return waited;
    }

    /// For errors: who was asked, and where.
    static std::string who(identity_plan const& plan)
    {
        return std::string(source_name(plan.host)) + ": " + plan.endpoint.host_field();
    }

    /// What a failed call means for the identity. `key`: what the request showed.
    error explain(identity_plan const& plan, error const& failure, http_response const& answer,
                  std::string_view key) const
    {
        std::string cause = who(plan);
        diagnostics about = failure.info();
        int const status = about.http_status;
        bool const imds = plan.host == identity_host::imds;
        std::error_code code = failure.code();
        if (status == 0) {
            if (imds && in_chain_ && unreachable(code))
                code = errc::no_credential;
            return error(code, std::move(about), cause + " was asked: " + failure.cause());
        }
        std::vector<std::string> secrets = plan.secrets();
        secrets.emplace_back(key);
        read_authority_error(answer.body_text(), secrets, about);
        for (std::string& one : secrets)
            cleanse(one);
        bool const none = lacks_identity(plan.host, status, about.server_message);
        if (none)
            code = errc::no_credential;
        else if (status >= 400 && status < 500 && status != 408 && status != 429)
            code = errc::token_refused;
        about.retriable(imds ? imds_retries::passes(status) : about.retriable());
        // The service's own failures have texts that speak of topics.
        cause += " answered " +
                 (code == failure.code() ? failure_in_words(failure, about) : refusal_in_words(about));
        if (none)
            cause += " (no such identity is assigned here: assign it, or name one that is)";
        else if (imds && !shows_imds(answer))
            cause +=
                " (the instance metadata service of Azure answers otherwise: is this a machine in Azure?)";
        return error(code, std::move(about), cause);
    }

    managed_identity_settings settings_;
    std::string key_folder_;
    int haste_;
    bool in_chain_ = false;
    bool found_ = false;   ///< IMDS has answered: it is not looked for again.
    imds_absence absence_; ///< Nor for a while when it has not.
};

} // namespace hdikafka::inline v0_1::detail

#endif
