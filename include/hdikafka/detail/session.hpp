// What a client's handles, calls and streams share. Layer: I/O shell.
#ifndef HDIKAFKA_DETAIL_SESSION_HPP
#define HDIKAFKA_DETAIL_SESSION_HPP

#include <hdikafka/client_options.hpp>
#include <hdikafka/detail/call.hpp>
#include <hdikafka/detail/http_request.hpp>
#include <hdikafka/detail/operation.hpp>
#include <hdikafka/detail/transport.hpp>
#include <hdikafka/detail/url.hpp>
#include <hdikafka/result.hpp>

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <utility>

namespace hdikafka::inline v0_1::detail {

class session
{
public:
    /// Throws hk::error when the options cannot be used; does no I/O.
    session(net::any_io_executor executor, client_options options)
        : endpoint_(checked_endpoint(options)),
          options_(std::move(options)),
          http_(std::make_shared<transport>(std::move(executor), settings(options_))),
          pool_(http_->pool(endpoint_)),
          registry_(std::make_shared<operation_registry>())
    {}

    client_options const& options() const noexcept { return options_; }
    std::shared_ptr<transport> const& http() const noexcept { return http_; }

    /// The fields that every call to the proxy has, and the call's identity. `info` names operation and
    /// topic.
    result<call_spec> prepare(http_request request, diagnostics info, call_options const& call)
    {
        info.request_id = call.request_id().empty() ? http_->random().uuid() : call.request_id();
        bool const visible = std::ranges::all_of(info.request_id, [](char c) { return c > ' ' && c < 0x7f; });
        if (!visible || !request.add("x-ms-client-request-id", info.request_id))
            return error(errc::invalid_option, std::move(info),
                         "the request id has characters that no field may have");
        request.add("User-Agent", options_.user_agent());
        request.add("Accept", "application/json");
        request.add("Accept-Encoding", "identity");
        if (!request.body().empty())
            request.add("Content-Type", "application/json");
        if (!options_.credential())
            return error(errc::no_credential, std::move(info));
        call_spec spec(std::move(request), std::move(info));
        spec.retry = options_.retry();
        spec.limits = options_.limits();
        spec.pool = pool_;
        spec.tokens = options_.credential().cache();
        return spec;
    }

    steady_clock::time_point deadline(call_options const& call) const
    {
        milliseconds const limit = call.timeout().value_or(options_.total_timeout());
        return steady_clock::now() + std::clamp(limit, milliseconds(0), longest);
    }

    operation_ptr make_operation(steady_clock::time_point due) const
    {
        return std::make_shared<operation>(http_->executor(), due);
    }

    std::shared_ptr<operation_registry> const& registry() const noexcept { return registry_; }

    void close()
    {
        registry_->close();
        http_->close();
    }

    /// The longest time that any option may ask for: far beyond use, far from overflow.
    static constexpr milliseconds longest = std::chrono::hours(24 * 365);

private:
    static url checked_endpoint(client_options const& options)
    {
        diagnostics info;
        info.operation = "client";
        auto parsed = parse_url(options.endpoint());
        if (!parsed)
            throw error(errc::invalid_endpoint, std::move(info), parsed.error().cause());
        url const& endpoint = parsed.value();
        if (endpoint.path != "/")
            throw error(errc::invalid_endpoint, std::move(info), "the endpoint has a path or a query");
        if (!endpoint.is_https() && !(options.plain_http_allowed() && is_loopback(endpoint.host)))
            throw error(errc::invalid_endpoint, std::move(info), "the endpoint is not https");
        if (options.max_connections() < 1)
            throw error(errc::invalid_count, std::move(info), "max_connections is less than 1");
        for (milliseconds const limit :
             {options.connect_timeout(), options.idle_timeout(), options.total_timeout()})
            if (limit <= milliseconds(0))
                throw error(errc::invalid_option, std::move(info), "a timeout is not positive");
        return endpoint;
    }

    static transport_settings settings(client_options const& options)
    {
        transport_settings out;
        out.tls = options.tls();
        out.connect_timeout = std::min(options.connect_timeout(), longest);
        out.idle_timeout = std::min(options.idle_timeout(), longest);
        out.max_connections = options.max_connections();
        out.user_agent = options.user_agent();
        out.retry = options.retry();
        return out;
    }

    url const endpoint_;
    client_options const options_;
    std::shared_ptr<transport> const http_;
    std::shared_ptr<connection_pool> const pool_;
    std::shared_ptr<operation_registry> const registry_;
};

/// Runs `work` as a call of this client: refused once the client is closed or when there is no time,
/// ended when it closes. Fails by throwing; `about` says what failed when it is not the work itself.
template <class T>
net::awaitable<T> run_call(std::shared_ptr<session> owner, operation_ptr op, diagnostics about,
                           net::awaitable<result<T>> work)
{
    registration const entry(owner->registry(), op);
    if (!entry.added())
        throw error(errc::closed, std::move(about), "the client is closed");
    if (op->time_left() <= milliseconds(0))
        throw error(errc::timed_out, std::move(about), "there was no time for the call");
    auto outcome = co_await run_operation(std::move(op), std::move(work));
    if (!outcome && outcome.error().info().operation.empty())
        throw error(outcome.error().code(), std::move(about)); // ended before its first step
    co_return std::move(outcome).value();
}

/// Carries out a prepared call and reads its answer with `parse(call_answer&&)`.
template <class T, class Parse>
net::awaitable<T> perform(std::shared_ptr<session> owner, call_options options, result<call_spec> prepared,
                          Parse parse)
{
    call_spec spec = std::move(prepared).value();
    auto const op = owner->make_operation(owner->deadline(options));
    diagnostics about = spec.info;
    auto work = call(op, owner->http(), std::move(spec));
    call_answer answer = co_await run_call(owner, op, std::move(about), std::move(work));
    result<T> parsed = parse(std::move(answer));
    co_return std::move(parsed).value();
}

} // namespace hdikafka::inline v0_1::detail

#endif
