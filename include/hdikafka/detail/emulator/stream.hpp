// What a peer of the emulator is talked to through: TLS, or the bare socket.
#ifndef HDIKAFKA_DETAIL_EMULATOR_STREAM_HPP
#define HDIKAFKA_DETAIL_EMULATOR_STREAM_HPP

#include <hdikafka/detail/run/asio_ssl.hpp>

#include <optional>
#include <utility>

namespace hdikafka::inline v0_1::detail::emulation {

/// An AsyncReadStream and AsyncWriteStream. Without a context it speaks no TLS.
class emulator_stream
{
public:
    using executor_type = net::any_io_executor;
    using tls_stream = net::ssl::stream<net::ip::tcp::socket&>;

    emulator_stream(net::ip::tcp::socket socket, net::ssl::context* context) : socket_(std::move(socket))
    {
        if (context != nullptr)
            tls_.emplace(socket_, *context);
    }

    executor_type get_executor() { return socket_.get_executor(); }
    net::ip::tcp::socket& socket() noexcept { return socket_; }

    /// Null without TLS.
    tls_stream* tls() noexcept { return tls_ ? &*tls_ : nullptr; }

    template <class Buffers, class Token>
    auto async_read_some(Buffers const& buffers, Token&& token)
    {
        return tls_ ? tls_->async_read_some(buffers, std::forward<Token>(token))
                    : socket_.async_read_some(buffers, std::forward<Token>(token));
    }

    template <class Buffers, class Token>
    // NOLINTNEXTLINE(misc-no-recursion): Asio's, which goes on from handlers
    auto async_write_some(Buffers const& buffers, Token&& token)
    {
        return tls_ ? tls_->async_write_some(buffers, std::forward<Token>(token))
                    : socket_.async_write_some(buffers, std::forward<Token>(token));
    }

private:
    net::ip::tcp::socket socket_;
    std::optional<tls_stream> tls_;
};

} // namespace hdikafka::inline v0_1::detail::emulation

#endif
