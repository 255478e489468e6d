// One GET over TLS with a deadline, written on Asio alone. For compile_time.sh: what a program that does the
// least of this by itself takes to compile; it is never run.
#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/connect.hpp>
#include <asio/experimental/awaitable_operators.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/read_until.hpp>
#include <asio/ssl.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/write.hpp>

#include <chrono>
#include <exception>
#include <iostream>
#include <string>

asio::awaitable<std::string> head(std::string host)
{
    auto const executor = co_await asio::this_coro::executor;
    asio::ip::tcp::resolver resolver(executor);
    auto const found = co_await resolver.async_resolve(host, "443", asio::use_awaitable);
    asio::ssl::context trust(asio::ssl::context::tls_client);
    trust.set_default_verify_paths();
    trust.set_verify_mode(asio::ssl::verify_peer);
    asio::ssl::stream<asio::ip::tcp::socket> stream(executor, trust);
    stream.set_verify_callback(asio::ssl::host_name_verification(host));
    co_await asio::async_connect(stream.next_layer(), found, asio::use_awaitable);
    co_await stream.async_handshake(asio::ssl::stream_base::client, asio::use_awaitable);
    std::string const request = "GET / HTTP/1.1\r\nHost: " + host + "\r\n\r\n";
    co_await asio::async_write(stream, asio::buffer(request), asio::use_awaitable);
    std::string answer;
    co_await asio::async_read_until(stream, asio::dynamic_buffer(answer), "\r\n\r\n", asio::use_awaitable);
    co_return answer;
}

asio::awaitable<void> print_head(std::string host)
{
    using namespace asio::experimental::awaitable_operators;
    asio::steady_timer deadline(co_await asio::this_coro::executor, std::chrono::seconds(10));
    auto const first = co_await (head(std::move(host)) || deadline.async_wait(asio::use_awaitable));
    std::cout << (first.index() == 0 ? std::get<0>(first) : "timed out") << "\n";
}

int main(int argc, char** argv)
{
    asio::io_context io;
    asio::co_spawn(io, print_head(argc > 1 ? argv[1] : "localhost"), [](std::exception_ptr failure) {
        if (failure)
            std::rethrow_exception(failure);
    });
    io.run();
}
