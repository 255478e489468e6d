// The program in README.md, as it stands there, does what it says.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wreturn-type" // what main may leave out, its namesake may not
#define main readme_main
#include "program.cpp" // cut out of README.md by tests/CMakeLists.txt
#undef main
#pragma GCC diagnostic pop

#include <hdikafka/emulator.hpp>

#include <doctest/doctest.h>

#include <exception>
#include <sstream>

namespace {

asio::awaitable<void> prepare_and_say_hello(hk::client client)
{
    co_await client.create_topic("orders", hk::topic_config().partition_count(1));
    co_await hello(client);
}

} // namespace

TEST_CASE("the README's program produces and consumes")
{
    asio::io_context io;
    hk::emulator emulator(io.get_executor());
    emulator.start();
    hk::client const client(io.get_executor(), emulator.client_options());

    std::ostringstream printed;
    auto* const console = std::cout.rdbuf(printed.rdbuf());
    std::exception_ptr failure;
    asio::co_spawn(io, prepare_and_say_hello(client), [&](std::exception_ptr why) {
        failure = why;
        emulator.stop();
    });
    io.run();
    std::cout.rdbuf(console);

    CHECK(failure == nullptr);
    CHECK(printed.str() == "0: \"text\"\n1: 3.14\n");
}
