// What a client's handles, calls and streams share.
#ifndef HDIKAFKA_DETAIL_CLIENT_CORE_HPP
#define HDIKAFKA_DETAIL_CLIENT_CORE_HPP

#include <hdikafka/call_options.hpp>
#include <hdikafka/client_options.hpp>
#include <hdikafka/detail/base/base64.hpp>
#include <hdikafka/detail/base/fwd.hpp>
#include <hdikafka/detail/call/call.hpp>
#include <hdikafka/detail/call/token_caches.hpp>
#include <hdikafka/detail/client/seen_topics.hpp>
#include <hdikafka/detail/http/request.hpp>
#include <hdikafka/detail/http/url.hpp>
#include <hdikafka/detail/net/proxy_choice.hpp>
#include <hdikafka/detail/net/transport.hpp>
#include <hdikafka/detail/run/children.hpp>
#include <hdikafka/detail/run/operation.hpp>
#include <hdikafka/result.hpp>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace hdikafka::inline v0_1::detail {

template <class>
class client_core
{
public:
    /// Throws hk::error when the options cannot be used; does no I/O.
    client_core(net::any_io_executor executor, client_options options)
        : endpoint_(checked_endpoint(options)),
          options_(std::move(options)),
          http_(std::make_shared<transport<>>(std::move(executor), settings(options_, endpoint_))),
          pool_(http_->pool(endpoint_)),
          tokens_(options_.credential() ? options_.credential().caches()->get(options_.tls()) : nullptr),
          fields_(common_fields(options_, false)),
          body_fields_(common_fields(options_, true))
    {}

    client_options const& options() const noexcept { return options_; }
    transport_ptr const& http() const noexcept { return http_; }

    /// A request to the proxy, with the fields that all of them have.
    http_request request(std::string method, std::string path) const
    {
        return http_request(std::move(method), std::move(path), fields_);
    }

    /// The same with a body, which is JSON.
    http_request request(std::string method, std::string path, std::string body) const
    {
        http_request out(std::move(method), std::move(path), body_fields_);
        out.body(std::move(body));
        return out;
    }

    /// The one id of an operation that makes several calls: the caller's if there is one. The options that
    /// its calls are prepared with have it afterwards.
    std::string identify(call_options& options)
    {
        if (options.request_id().empty())
            options.request_id(http_->random().uuid());
        return options.request_id();
    }

    /// `info` names operation and topic. The request shows a token, unless it is `anonymous`.
    result<call_request_ptr> prepare(http_request&& request, call_label&& info, call_options const& call,
                                     bool anonymous = false)
    {
        constexpr std::string_view field = "x-ms-client-request-id";
        bool const own = call.request_id().empty();
        info.request_id = own ? http_->random().uuid() : call.request_id();
        if (own)
            request.add_own(field, info.request_id);
        else if (!is_visible(info.request_id) || !request.add(field, info.request_id))
            return error(errc::invalid_option, info.describe(),
                         "the request id has characters that no field may have");
        if (!anonymous && !tokens_)
            return error(errc::no_credential, info.describe());
        auto spec = std::make_unique<call_request>(std::move(request), std::move(info), pool_);
        spec->retry = options_.retry();
        spec->limits = options_.limits();
        if (!anonymous)
            spec->tokens = tokens_;
        return spec;
    }

    /// When a call that begins now is to have ended.
    steady_clock::time_point deadline(std::optional<milliseconds> timeout) const
    {
        milliseconds const limit = timeout.value_or(options_.total_timeout());
        return steady_clock::now() + std::clamp(limit, milliseconds(0), longest);
    }

    /// Those in flight.
    operation_registry<>& calls() noexcept { return calls_; }

    /// What create_topic() and wait_for_topic() have found.
    seen_topics<>& seen() noexcept { return seen_; }

    void close()
    {
        calls_.close();
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
             {options.connect_timeout(), options.idle_timeout(), options.total_timeout(),
              options.max_idle_time(), options.max_connection_age()})
            if (limit <= milliseconds(0))
                throw error(errc::invalid_option, std::move(info), "a timeout is not positive");
        auto const proxy = choose_proxy(endpoint, options.proxy(), proxy_environment());
        if (!proxy)
            throw error(proxy.error().code(), std::move(info), proxy.error().cause());
        for (std::string const& pin : options.tls().pins()) {
            constexpr std::size_t sha256_size = 32;
            auto const digest = base64_decode(bare_pin(pin), base64_form::standard);
            if (!digest || digest->size() != sha256_size)
                throw error(errc::invalid_option, std::move(info), "a pin is not a SHA-256 in base64");
        }
        return endpoint;
    }

    /// Without the prefix that curl wants.
    static std::string bare_pin(std::string const& pin)
    {
        constexpr std::string_view prefix = "sha256//";
        return pin.starts_with(prefix) ? pin.substr(prefix.size()) : pin;
    }

    static shared_fields common_fields(client_options const& options, bool body)
    {
        request_fields out;
        out.add("User-Agent", options.user_agent());
        out.add("Accept", "application/json");
        out.add("Accept-Encoding", "identity");
        if (body)
            out.add("Content-Type", "application/json");
        return std::make_shared<request_fields const>(std::move(out));
    }

    static bool is_visible(std::string_view text) noexcept
    {
        return std::ranges::all_of(text, [](char c) { return c > ' ' && c < 0x7f; });
    }

    static transport_settings settings(client_options const& options, url const& endpoint)
    {
        transport_settings out;
        out.tls = options.tls();
        out.connect_timeout = std::min(options.connect_timeout(), longest);
        out.idle_timeout = std::min(options.idle_timeout(), longest);
        out.max_idle_time = std::min(options.max_idle_time(), longest);
        out.max_connection_age = std::min(options.max_connection_age(), longest);
        out.max_connections = options.max_connections();
        out.user_agent = options.user_agent();
        // Those who wait for a token are to learn in time why there is none, and chains to go on.
        out.retry = options.retry();
        out.retry.max_unsent_retries(std::min(out.retry.max_unsent_retries(), out.retry.max_retries()));
        out.proxy = options.proxy();
        out.environment = proxy_environment();
        out.pinned = endpoint;
        for (std::string const& pin : options.tls().pins())
            out.pins.push_back(bare_pin(pin));
        out.observer = options.observer();
        return out;
    }

    url const endpoint_;
    client_options const options_;
    transport_ptr const http_;
    pool_ptr const pool_;
    token_cache_ptr const tokens_; // null without a credential
    shared_fields const fields_;
    shared_fields const body_fields_;
    operation_registry<> calls_;
    seen_topics<> seen_;
};

/// A call's place among those in flight, so that close() ends it. Throws once the client is closed, and when
/// there is no time for the call. Client and operation outlive it.
template <class = void>
class call_entry
{
public:
    call_entry(client_core<>& owner, operation<>& op, call_label const& about)
        : calls_(owner.calls()), op_(op)
    {
        bool const late = op.time_left() <= milliseconds(0);
        if (late ? calls_.closed() : !calls_.add(op))
            throw error(errc::closed, about.describe(), "the client is closed");
        if (late)
            throw error(errc::timed_out, about.describe(), "there was no time for the call");
    }
    call_entry(call_entry const&) = delete;
    call_entry& operator=(call_entry const&) = delete;
    ~call_entry() { calls_.remove(op_); }

private:
    operation_registry<>& calls_;
    operation<>& op_;
};

} // namespace hdikafka::inline v0_1::detail

#endif
