// An address that neither takes a connection nor refuses it.
#ifndef HDIKAFKA_TESTS_SUPPORT_FULL_LISTENER_HPP
#define HDIKAFKA_TESTS_SUPPORT_FULL_LISTENER_HPP

#include <hdikafka/detail/run/asio.hpp> // before Asio itself: all units of a program must see it configured alike

#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>

#include <deque>
#include <string>
#include <system_error>

namespace test {

/// Listens, and takes no connection: its queue is full.
class full_listener
{
public:
    using tcp = asio::ip::tcp;

    explicit full_listener(tcp::endpoint const& where = {asio::ip::address_v4::loopback(), 0})
        : acceptor_(io_, tcp::v4())
    {
        // Connections to an earlier one at that port may not be forgotten yet.
        acceptor_.set_option(tcp::socket::reuse_address(true));
        acceptor_.bind(where);
        acceptor_.listen(0);
        // From then on the kernel drops what asks for a connection.
        for (int i = 0; i < 4; ++i)
            fillers_.emplace_back(io_).async_connect(address(), [](std::error_code) {});
        io_.poll();
    }

    tcp::endpoint address() const { return acceptor_.local_endpoint(); }
    std::string endpoint() const { return "https://127.0.0.1:" + std::to_string(address().port()); }

private:
    asio::io_context io_;
    tcp::acceptor acceptor_;
    std::deque<tcp::socket> fillers_;
};

} // namespace test

#endif
