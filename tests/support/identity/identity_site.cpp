#include "support/identity/identity_site.hpp"

#include <hdikafka/detail/run/run.hpp>

#include <memory>
#include <utility>

namespace test {

namespace {

net::awaitable<hkd::token_grant> request(hkd::token_source_ptr from, hkd::transport_ptr http,
                                         std::string claims, hk::milliseconds patience)
{
    auto const op = http->make_operation(hkd::steady_clock::now() + patience);
    hkd::token_grant grant;
    hkd::task work = from->request(op, http, claims, grant);
    op->begin_phase(hk::errc::idle_timeout, 0ms); // as another source of a chain may leave it behind
    co_await hkd::run_operation<>(op, work);
    work.outcome().value();
    co_return grant;
}

} // namespace

identity_asker::identity_asker(hkd::managed_identity_settings settings, hkd::transport_settings how,
                               std::string const& key_folder, int haste)
    : http(std::make_shared<hkd::transport<>>(io.get_executor(), std::move(how))),
      from(std::make_shared<hkd::managed_identity_source<>>(std::move(settings), key_folder, haste))
{}

net::awaitable<hkd::token_grant> identity_asker::ask(std::string claims, hk::milliseconds patience)
{
    return request(from, http, std::move(claims), patience);
}

} // namespace test
