// Ten thousand calls against a server that resets half of its connections: nothing is left of them.
#include "support/net/running.hpp"

#include <asio/ip/tcp.hpp>
#include <asio/read_until.hpp>
#include <asio/write.hpp>
#include <doctest/doctest.h>

#include <malloc.h>

#include <atomic>
#include <cstddef>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <iterator>
#include <map>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

using namespace test;

namespace {

/// Answers one request on every other connection, and drops the others when they have sent theirs. It
/// remembers nothing.
class half_resetting_server
{
public:
    half_resetting_server() : acceptor_(io_, net::ip::tcp::endpoint(net::ip::address_v4::loopback(), 0))
    {
        thread_ = std::thread([this] { serve(); });
    }
    half_resetting_server(half_resetting_server const&) = delete;
    half_resetting_server& operator=(half_resetting_server const&) = delete;
    ~half_resetting_server()
    {
        ended_ = true;
        net::ip::tcp::socket last(io_);
        last.connect(acceptor_.local_endpoint());
        thread_.join();
    }

    std::string endpoint() const
    {
        return "http://127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port());
    }

private:
    void serve()
    {
        std::string request;
        for (std::size_t number = 0;; ++number) {
            net::ip::tcp::socket socket(io_);
            acceptor_.accept(socket);
            if (ended_)
                return;
            std::error_code failure;
            request.clear();
            net::read_until(socket, net::dynamic_buffer(request), "\r\n\r\n", failure);
            if (number % 2 == 0)
                socket.set_option(net::socket_base::linger(true, 0), failure); // close() resets
            else
                net::write(socket, net::buffer(answer_), failure);
        }
    }

    net::io_context io_;
    net::ip::tcp::acceptor acceptor_;
    std::thread thread_;
    std::atomic<bool> ended_ = false;
    std::string const answer_ = http(200, R"({"topics":["orders"]})", "Connection: close\r\n");
};

std::size_t descriptors()
{
    namespace fs = std::filesystem;
    return static_cast<std::size_t>(std::distance(fs::directory_iterator("/proc/self/fd"), {}));
}

/// Makes so many calls, a few at a time.
class caller
{
public:
    caller(net::io_context& io, hk::client client) : io_(io), client_(std::move(client)) {}

    void make(int count)
    {
        left_ = count;
        for (int i = 0; i != at_a_time; ++i)
            net::co_spawn(io_, work(), [](std::exception_ptr failure) { REQUIRE(failure == nullptr); });
        io_.restart();
        io_.run();
    }

    std::map<std::error_code, int> ended;

private:
    static constexpr int at_a_time = 16;

    net::awaitable<void> work()
    {
        while (left_-- > 0) {
            auto const outcome = co_await hk::as_result(client_.topics());
            ++ended[outcome ? std::error_code() : outcome.error().code()];
        }
    }

    net::io_context& io_;
    hk::client client_;
    int left_ = 0;
};

} // namespace

TEST_CASE("ten thousand calls, half of which meet a reset: descriptors and memory are back where they began")
{
    half_resetting_server const server;
    net::io_context io;
    caller calls(io, hk::client(io.get_executor(), options_for(server.endpoint())
                                                       .allow_plain_http_to_loopback()
                                                       .retry(hk::retry_policy().max_retries(0))));
    calls.make(1000);
    std::size_t const descriptors_before = descriptors();
    std::size_t const bytes_before = mallinfo2().uordblks;
    calls.ended.clear();
    calls.make(10'000);
    std::size_t const bytes_after = mallinfo2().uordblks;
    CHECK(descriptors() == descriptors_before);
    CHECK(calls.ended[std::error_code()] == 5000);
    CHECK(calls.ended[hk::errc::connection_lost] == 5000);
    constexpr std::size_t less_than_a_byte_each = 8 * 1024;
    CHECK(bytes_after < bytes_before + less_than_a_byte_each);
    std::printf("%zu descriptors before and after; %zu bytes of heap before, %zu after\n", descriptors_before,
                bytes_before, bytes_after);
}
