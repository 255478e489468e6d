// What strangers can make the emulator hold.
#include "support/base/live_memory.hpp"
#include "support/base/waiting.hpp"
#include "support/net/blocking_peer.hpp"

#include <hdikafka/emulator.hpp>

#include <asio/io_context.hpp>
#include <doctest/doctest.h>

#include <sys/prctl.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstddef>
#include <exception>
#include <functional>
#include <string>
#include <vector>

namespace {

namespace hk = hdikafka;
namespace net = hk::net;

constexpr std::size_t mebibyte = 1024 * 1024;

/// The peers, in a process of their own, so that all memory of this one is the emulator's. What they do ends
/// with what they found: whether all is well.
class distant_peers
{
public:
    distant_peers(net::io_context& io, std::function<bool()> const& work) : io_(io)
    {
        io_.notify_fork(net::execution_context::fork_prepare);
        process_ = fork();
        REQUIRE(process_ >= 0);
        if (process_ == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            try {
                _exit(work() ? 0 : 1);
            } catch (std::exception const&) {
                _exit(2);
            }
        }
        io_.notify_fork(net::execution_context::fork_parent);
    }
    distant_peers(distant_peers const&) = delete;
    distant_peers& operator=(distant_peers const&) = delete;
    ~distant_peers()
    {
        if (!ended_) {
            kill(process_, SIGKILL);
            waitpid(process_, nullptr, 0);
        }
    }

    /// Serves them until they have ended; the most memory that was in use meanwhile.
    std::size_t most_memory()
    {
        std::size_t most = 0;
        test::work_until(io_, [&] {
            most = std::max(most, test::live_bytes());
            ended_ = waitpid(process_, &status_, WNOHANG) == process_;
            return ended_;
        });
        return most;
    }

    bool all_well() const { return WIFEXITED(status_) && WEXITSTATUS(status_) == 0; }

private:
    net::io_context& io_;
    pid_t process_ = -1;
    int status_ = -1;
    bool ended_ = false;
};

/// Whether each of that many connections hears the status, and nothing of what they send is waited for.
bool are_refused(hk::emulator const& emulator, std::size_t count, std::string const& head, std::size_t body,
                 int status)
{
    std::vector<test::blocking_peer> peers;
    for (std::size_t i = 0; i != count; ++i)
        peers.emplace_back(emulator.port(), emulator.ca_pem()).send(head);
    std::string const piece(mebibyte / 4, 'x');
    for (std::size_t sent = 0; sent < body; sent += piece.size())
        for (auto& peer : peers) {
            try {
                peer.send(piece);
            } catch (std::exception const&) { // the emulator does not take it for ever
                continue;
            }
        }
    return std::ranges::all_of(peers, [status](auto& peer) {
        int const heard = peer.receive().status;
        return heard == status || heard == 0; // a reset may overtake the answer to who goes on sending
    });
}

} // namespace

TEST_CASE("thirty strangers with 16 MiB each are not worth 20 MiB of memory")
{
    std::string const length = "Content-Length: " + std::to_string(16 * mebibyte) + "\r\n\r\n";
    for (std::string const& head :
         {"POST /v1/producer/topics/orders HTTP/1.1\r\nHost: x\r\n" + length,
          "POST /emulator-tenant/oauth2/v2.0/token HTTP/1.1\r\nHost: x\r\n" + length,
          std::string("POST /emulator-tenant/oauth2/v2.0/token HTTP/1.1\r\nHost: x\r\n"
                      "Transfer-Encoding: chunked\r\n\r\n1000000\r\n")}) {
        CAPTURE(head);
        net::io_context io;
        hk::emulator emulator(io.get_executor());
        emulator.add_topic("orders");
        emulator.start();
        std::size_t const before = test::live_bytes();
        int const status = head.find("/v1/") != std::string::npos ? 401 : 413;
        distant_peers peers(io, [&] { return are_refused(emulator, 30, head, 16 * mebibyte, status); });
        std::size_t const most = peers.most_memory() - before;
        CHECK(peers.all_well());
        CAPTURE(most);
        CHECK(most > 30 * 1024); // it was looked at
        CHECK(most < 20 * mebibyte);
        emulator.stop();
        io.restart();
        io.run();
    }
}
