// One connection of a small HTTP server that takes POSTs. For ingest_server.cpp; POSIX.
#ifndef HDIKAFKA_EXAMPLES_SUPPORT_HTTP_PEER_HPP
#define HDIKAFKA_EXAMPLES_SUPPORT_HTTP_PEER_HPP

#include "http_request.hpp"

#include <hdikafka/as_result.hpp>
#include <hdikafka/json.hpp>

#include <asio/awaitable.hpp>
#include <asio/buffer.hpp>
#include <asio/completion_condition.hpp>
#include <asio/error.hpp>
#include <asio/experimental/awaitable_operators.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/read.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/write.hpp>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <sys/resource.h>

namespace examples {

/// Whatever the peer does, it cannot make anybody wait for long, nor take much memory. All functions throw
/// when there is no more to be done with it. The socket's executor runs one thread at a time.
class http_peer
{
public:
    http_peer(asio::ip::tcp::socket socket, std::size_t longest_body)
        : socket_(std::move(socket)), longest_body_(longest_body)
    {
        socket_.non_blocking(true);
    }

    /// The next request's body, or nothing when it is not there after this time. Refuses what it does not
    /// understand, and a peer that takes a minute for a request.
    asio::awaitable<std::optional<std::string>> next(std::chrono::milliseconds time)
    {
        if (last_)
            co_await hang_up();
        http_request const request(received_, longest_body_);
        if (request.refusal() != 0) {
            last_ = true;
            answer(request.refusal(), hdikafka::json("not understood"));
            co_await hang_up();
        }
        if (request.whole()) {
            last_ = request.last();
            std::string body(request.body());
            received_.erase(0, request.size());
            co_return body;
        }
        if (clock::now() > end_)
            throw std::system_error(asio::error::timed_out);
        co_await read_more(time);
        co_return std::nullopt;
    }

    /// Answers it. Who sends and sends and takes no answers is not waited for.
    void answer(int status, hdikafka::json const& body)
    {
        char const* const reason = status == 200 ? "OK" : status == 503 ? "Service Unavailable" : "Refused";
        std::string text = "HTTP/1.1 " + std::to_string(status) + ' ' + reason + "\r\n";
        text.append(status == 405 ? "Allow: POST\r\n" : "").append(last_ ? "Connection: close\r\n" : "");
        text.append("Content-Type: application/json\r\nContent-Length: ");
        text.append(std::to_string(body.text().size())).append("\r\n\r\n").append(body.text());
        asio::write(socket_, asio::buffer(text));
        end_ = clock::now() + patience;
    }

private:
    using clock = std::chrono::steady_clock;
    static constexpr std::chrono::seconds patience{60};

    /// What was read when the time is over is kept as well.
    asio::awaitable<void> read_more(std::chrono::milliseconds time)
    {
        using namespace asio::experimental::awaitable_operators;
        asio::steady_timer timer(socket_.get_executor(), time);
        auto const buffer = asio::dynamic_buffer(received_, received_.size() + 65'536);
        auto more = asio::async_read(socket_, buffer, asio::transfer_at_least(1), asio::use_awaitable);
        auto const first =
            co_await (hdikafka::as_result(std::move(more)) || timer.async_wait(asio::use_awaitable));
        if (first.index() == 0)
            std::get<0>(first).value();
    }

    /// With bytes of the peer's unread, closing would be a reset, which can overtake the answer: it has two
    /// seconds to take it and hang up itself.
    asio::awaitable<void> hang_up()
    {
        socket_.shutdown(asio::ip::tcp::socket::shutdown_send);
        auto const end = clock::now() + std::chrono::seconds(2);
        while (clock::now() < end) {
            received_.clear();
            co_await read_more(std::chrono::milliseconds(500));
        }
        throw std::system_error(asio::error::eof);
    }

    asio::ip::tcp::socket socket_;
    std::size_t const longest_body_;
    std::string received_;
    bool last_ = false;
    clock::time_point end_ = clock::now() + patience;
};

/// Raises this process's limit of open files as far as it may. How many peers leave enough for the rest.
/// Throws std::system_error.
inline int room_for_peers()
{
    rlimit files{};
    bool good = getrlimit(RLIMIT_NOFILE, &files) == 0;
    files.rlim_cur = std::min<rlim_t>(files.rlim_max, 16'000);
    good = good && setrlimit(RLIMIT_NOFILE, &files) == 0;
    if (!good)
        throw std::system_error(errno, std::generic_category(), "the limit of open files");
    return static_cast<int>(files.rlim_cur / 5 * 4);
}

} // namespace examples

#endif
