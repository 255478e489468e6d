// A peer: Boost.Beast over TLS in coroutines on one thread, and a Boost.JSON tree of each answer.
#include "bench.hpp"
#include "peer_json.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>

#include <deque>
#include <exception>

namespace {

namespace net = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;

constexpr int http_1_1 = 11;

class connection
{
public:
    connection(net::io_context& io, net::ssl::context& context, bench::task const& task)
        : task_(task), stream_(io, context)
    {
        request_.version(http_1_1);
        request_.method(task.produces() ? http::verb::post : http::verb::get);
        request_.target(task.path(0));
        request_.set(http::field::host, task.host + ":" + task.port);
        request_.set(http::field::authorization, "Bearer " + task.token);
        request_.set(http::field::accept, "application/json");
        request_.set(http::field::user_agent, "beast");
        if (task.produces())
            request_.set(http::field::content_type, "application/json");
        buffer_.reserve(one_tls_record); // Beast reads as much as there is room for, at least 512 bytes
        stream_.set_verify_callback(net::ssl::host_name_verification(task.host));
    }

    net::awaitable<void> open()
    {
        net::ip::tcp::endpoint const there(net::ip::make_address(task_.host),
                                           static_cast<std::uint16_t>(std::stoi(task_.port)));
        auto& socket = beast::get_lowest_layer(stream_);
        socket.expires_after(limit);
        co_await socket.async_connect(there, net::use_awaitable);
        socket.socket().set_option(net::ip::tcp::no_delay(true));
        co_await stream_.async_handshake(net::ssl::stream_base::client, net::use_awaitable);
    }

    net::awaitable<void> exchange(int nth)
    {
        if (task_.streams())
            request_.target(task_.path(nth));
        if (task_.produces()) {
            request_.body() = bench::produce_body();
            request_.prepare_payload();
        }
        beast::get_lowest_layer(stream_).expires_after(limit);
        co_await http::async_write(stream_, request_, net::use_awaitable);
        http::response_parser<http::string_body> parser;
        parser.body_limit(most);
        co_await http::async_read(stream_, buffer_, parser, net::use_awaitable);
        beast::get_lowest_layer(stream_).expires_never();
        bench::require(parser.get().result() == http::status::ok && parser.keep_alive(), "not a success");
        auto const tree = bench::parse_answer(parser.get().body());
        bench::check_answer(task_, nth, tree);
    }

private:
    static constexpr std::chrono::seconds limit{60};
    static constexpr std::size_t one_tls_record = 16 * 1024;
    static constexpr std::uint64_t most = 16 * 1024 * 1024;

    bench::task const& task_;
    beast::ssl_stream<beast::tcp_stream> stream_;
    beast::flat_buffer buffer_;
    http::request<http::string_body> request_;
};

net::awaitable<void> use(connection& one, int times)
{
    co_await one.open();
    for (int i = 0; i < times; ++i)
        co_await one.exchange(i);
}

void measured(bench::task const& task)
{
    bool const idle = task.mode == "idle";
    net::io_context io(1);
    net::ssl::context context(net::ssl::context::tls_client);
    context.load_verify_file(task.ca_file);
    context.set_verify_mode(net::ssl::verify_peer);
    std::deque<connection> connections;
    std::exception_ptr failure;
    for (int i = 0; i < (idle ? task.count : 1); ++i)
        net::co_spawn(io, use(connections.emplace_back(io, context, task), idle ? 1 : task.count),
                      [&failure](std::exception_ptr thrown) {
                          if (thrown)
                              failure = thrown;
                      });
    io.run();
    if (failure)
        std::rethrow_exception(failure);
    bench::report();
}

} // namespace

int main(int argc, char** argv) { return bench::run(argc, argv, measured); }
