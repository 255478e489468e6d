// Tokens for the identity that Azure gives to the machine.
#ifndef HDIKAFKA_DETAIL_IDENTITY_MANAGED_IDENTITY_HPP
#define HDIKAFKA_DETAIL_IDENTITY_MANAGED_IDENTITY_HPP

#include <hdikafka/detail/base/secret.hpp>
#include <hdikafka/detail/call/auth_challenge.hpp>
#include <hdikafka/detail/call/call.hpp>
#include <hdikafka/detail/call/token_source.hpp>
#include <hdikafka/detail/http/url.hpp>
#include <hdikafka/detail/identity/arc_key.hpp>
#include <hdikafka/detail/identity/managed_identity_plan.hpp>
#include <hdikafka/detail/identity/settings.hpp>
#include <hdikafka/detail/identity/token_response.hpp>
#include <hdikafka/detail/net/transport.hpp>
#include <hdikafka/detail/rest/service_error.hpp>
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
    std::string id;                      ///< x-ms-client-request-id
    identity_plan const* plan = nullptr; ///< Whose field it carries; null: no endpoint's.
    retry_policy retry;                  ///< None unless it is changed.
    authorization shown;                 ///< For Authorization, or null.
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

/// Looking for IMDS, which must not take long: an operation of its own, with a deadline of its own. It
/// succeeds when anything answers.
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
    };
    using place = typename waiters<result<void>>::place;

    imds_search(std::shared_ptr<hall> tells, transport_ptr http, identity_request probe)
        : tells_(std::move(tells)), http_(std::move(http)), probe_(std::move(probe))
    {}

    task run(operation_ptr op) override
    {
        call_answer answer;
        auto const outcome = co_await call_identity_host<>(op, http_, probe_, answer);
        if (!outcome && outcome.error().info().http_status == 0)
            co_return outcome;
        co_return result<void>();
    }

    void ended(result<void> const& outcome) noexcept override
    {
        std::lock_guard const lock(tells_->mutex);
        tells_->waiting.answer_all(outcome);
    }

private:
    std::shared_ptr<hall> const tells_;
    transport_ptr const http_;
    identity_request const probe_;
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
        auto const planned = plan_identity(settings_, identity_environment());
        if (!planned)
            co_return planned.error();
        identity_plan const& plan = planned.value();
        grant.source = source_name(plan.host);
        identity_request asked(plan.endpoint, http->random().uuid());
        asked.plan = &plan;
        call_answer answer;
        auto outcome = result<void>();
        if (plan.host == identity_host::imds)
            outcome = co_await ask_imds(op, http, asked, answer);
        else
            outcome = co_await ask_local(op, http, asked, answer);
        if (!outcome)
            co_return outcome;
        auto parsed = parse_token_response(answer.response.body_text(), std::chrono::system_clock::now());
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
            auto const found = co_await find_imds(op, http, asked);
            if (!found)
                co_return found;
            found_ = true;
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

    task find_imds(operation_ptr op, transport_ptr http, identity_request const& asked)
    {
        constexpr std::chrono::seconds limit(1);
        auto const hall = std::make_shared<typename imds_search<>::hall>();
        imds_search<>::place mine(hall, hall->waiting, *op);
        hall->waiting.join(mine); // nobody else is there yet
        auto const own = http->make_operation(steady_clock::now() + limit);
        children<> search;
        search.start(own, std::make_unique<imds_search<>>(
                              hall, http, identity_request(imds_probe(*asked.plan), asked.id)));
        op->end_phase(); // of what was done before: only the operation's own end may end the wait
        auto const waited = co_await mine.wait("looking for the instance metadata service");
        search.cancel(); // if it goes on
        if (!waited)
            co_return waited;
        auto const found = mine.take();
        if (!found)
            co_return error(errc::no_credential, "managed identity: there is no instance metadata service: " +
                                                     found.error().cause());
        co_return found;
    }

    /// What a failed call means for the identity. `key`: what the request showed.
    error explain(identity_plan const& plan, error const& failure, http_response const& answer,
                  std::string_view key) const
    {
        std::string cause = std::string(source_name(plan.host)) + ": ";
        diagnostics about = failure.info();
        int const status = about.http_status;
        bool const imds = plan.host == identity_host::imds;
        std::error_code code = failure.code();
        if (status == 0) {
            if (imds && in_chain_ && unreachable(code))
                code = errc::no_credential;
            return error(code, std::move(about), cause + failure.cause());
        }
        std::vector<std::string> secrets = plan.secrets();
        secrets.emplace_back(key);
        read_authority_error(answer.body_text(), secrets, about);
        for (std::string& one : secrets)
            cleanse(one);
        if (lacks_identity(plan.host, status, about.server_message))
            code = errc::no_credential;
        else if (status >= 400 && status < 500 && status != 408 && status != 429)
            code = errc::token_refused;
        about.retriable(imds ? imds_retries::passes(status) : about.retriable());
        // The service's own failures have texts that speak of topics.
        if (code == failure.code())
            cause += failure.cause();
        else
            cause +=
                "HTTP " + std::to_string(status) + ": " + bounded_message(about.server_message, shown_words);
        return error(code, std::move(about), cause);
    }

    static constexpr std::size_t shown_words = 300;

    managed_identity_settings settings_;
    std::string key_folder_;
    int haste_;
    bool in_chain_ = false;
    bool found_ = false; ///< IMDS has answered: it is not looked for again.
};

} // namespace hdikafka::inline v0_1::detail

#endif
