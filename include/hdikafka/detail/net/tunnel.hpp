// A tunnel through an HTTP proxy (RFC 9110 §9.3.6).
#ifndef HDIKAFKA_DETAIL_NET_TUNNEL_HPP
#define HDIKAFKA_DETAIL_NET_TUNNEL_HPP

#include <hdikafka/detail/http/url.hpp>
#include <hdikafka/detail/net/connection.hpp>
#include <hdikafka/detail/net/proxy_choice.hpp>
#include <hdikafka/detail/net/tls_stream.hpp>
#include <hdikafka/detail/run/operation.hpp>
#include <hdikafka/detail/run/task.hpp>
#include <hdikafka/http_limits.hpp>
#include <hdikafka/result.hpp>

#include <string>

namespace hdikafka::inline v0_1::detail {

/// Has the proxy that the stream is connected to connect to the target. What it says is never taken for the
/// target's words.
template <class = void>
task open_tunnel(operation<>& op, tls_stream<>& stream, url const& target, proxy_settings const& proxy,
                 std::string const& user_agent)
{
    std::string const request = connect_request(target, proxy, user_agent);
    std::string const name = "the proxy " + proxy.address.host;
    exchange<> talk(stream, request, http_limits());
    response_parser& answer = talk.answer();
    answer.expect_tunnel();
    // The body of a refusal only says why.
    for (io_step now = talk.advance(); wants_socket(now) && !answer.header_done(); now = talk.advance()) {
        bool const ready = co_await stream.ready(op, now);
        if (!ready)
            co_return op.interruption("asking " + name + " for a tunnel");
    }
    if (!answer.header_done())
        co_return error(talk.failure().error().code(), name + ": " + talk.failure().error().cause());
    if (answer.is_tunnel())
        co_return result<void>();
    int const status = answer.status();
    // 5xx: the proxy could not reach the target, which it may do later.
    errc const code = status >= 500 ? errc::connect_failed : errc::proxy_refused;
    co_return error(code, name + " answered " + std::to_string(status) + " when asked for a tunnel to " +
                              target.host_field() + (status == 407 ? ": it wants (other) credentials" : ""));
}

} // namespace hdikafka::inline v0_1::detail

#endif
