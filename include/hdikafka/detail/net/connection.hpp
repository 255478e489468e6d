// A connection: its stream, the exchange on it, and whether it may be used again.
#ifndef HDIKAFKA_DETAIL_NET_CONNECTION_HPP
#define HDIKAFKA_DETAIL_NET_CONNECTION_HPP

#include <hdikafka/detail/base/linked_list.hpp>
#include <hdikafka/detail/base/secret.hpp>
#include <hdikafka/detail/http/url.hpp>
#include <hdikafka/detail/net/exchange.hpp>
#include <hdikafka/detail/net/tls_stream.hpp>
#include <hdikafka/detail/run/asio_io.hpp>
#include <hdikafka/detail/run/operation.hpp>
#include <hdikafka/observer.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace hdikafka::inline v0_1::detail {

/// A connection and what decides whether it may be used again.
template <class = void>
class connection : public list_link
{
public:
    connection(net::any_io_executor const& executor, url const& target, observer watcher)
        : stream(executor), watcher_(std::move(watcher)), host_(target.host), port_(target.port)
    {}
    connection(connection const&) = delete;
    connection& operator=(connection const&) = delete;
    ~connection()
    {
        cleanse(request);
        // The TLS session is good all the same; OpenSSL would spoil it without a goodbye.
        if (end == connection_end::failed && stream.tls())
            SSL_set_shutdown(stream.tls(), SSL_SENT_SHUTDOWN);
        if (!watcher_ || made_at == never)
            return;
        connection_closed event;
        event.host = host_;
        event.port = port_;
        event.cause = end;
        event.exchanges = exchanges;
        event.age = std::chrono::duration_cast<milliseconds>(steady_clock::now() - made_at);
        watcher_(event);
    }

    /// Whether the next request may go over it.
    bool usable()
    {
        if (steady_clock::now() >= retire_at)
            end = connection_end::retired;
        else if (!stream.quiet())
            end = connection_end::dropped;
        else
            return true;
        return false;
    }

    static constexpr auto never = steady_clock::time_point::max();

    tls_stream<> stream;
    std::string request;            ///< The message on its way; its memory serves the next one.
    std::optional<exchange<>> talk; ///< The exchange under way.
    steady_clock::time_point made_at = never;
    steady_clock::time_point last_used = never;
    steady_clock::time_point retire_at = never; ///< Never used from then on.
    std::size_t exchanges = 0;
    connection_end end = connection_end::closed; ///< Why it is closed, should it be now.

private:
    observer watcher_;
    std::string host_;
    std::uint16_t port_;
};

using connection_ptr = std::unique_ptr<connection<>>;

} // namespace hdikafka::inline v0_1::detail

#endif
