#include "support/identity/source_bench.hpp"

#include "support/run/detached.hpp"

#include <chrono>
#include <utility>

namespace test {

namespace {

hk::detail::task ask_once(hk::detail::operation_ptr op, hk::detail::transport_ptr http, source_ptr source,
                          std::string claims, asked_ptr answer)
{
    try {
        answer->outcome = co_await source->request(op, http, claims, answer->grant);
    } catch (...) {
        answer->thrown = std::current_exception();
    }
    answer->ended = true;
    co_return hk::result<void>();
}

} // namespace

source_bench::source_bench(hk::detail::transport_settings const& settings)
    : io(std::make_unique<net::io_context>()),
      http(std::make_shared<hk::detail::transport<>>(io->get_executor(), settings))
{}

source_bench::begun source_bench::begin(source_ptr source, std::string claims) const
{
    begun out;
    out.operation = http->make_operation(std::chrono::steady_clock::now() + std::chrono::minutes(2));
    test::run_detached(out.operation,
                             ask_once(out.operation, http, std::move(source), std::move(claims), out.answer));
    return out;
}

asked source_bench::ask(source_ptr source, std::string claims)
{
    begun const request = begin(std::move(source), std::move(claims));
    io->restart();
    io->run();
    return *request.answer;
}

} // namespace test
