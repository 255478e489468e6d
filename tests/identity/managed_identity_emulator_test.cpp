// Calls with a managed identity from end to end: the emulator's endpoints, the client's credential, the
// service that accepts the token.
#include "support/identity/client_certificates.hpp"
#include "support/emulator/emulated.hpp"
#include "support/base/environment.hpp"

#include <hdikafka/detail/identity/managed_identity.hpp>

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

using namespace test;

namespace {

/// Azure Arc's keys in a folder of the test's: the real one belongs to the system.
class arc_credential
{
public:
    explicit arc_credential(std::string folder) : folder_(std::move(folder)) {}

    hk::detail::token_source_ptr make_source() &&
    {
        return std::make_shared<hk::detail::managed_identity_source<>>(
            hk::detail::managed_identity_settings(), std::move(folder_));
    }

private:
    std::string folder_;
};

/// Two calls with this credential, the second after the service has refused the first one's token.
void check_calls(emulated& service, hk::credential who, hk::emulator_route route, std::size_t requests_each)
{
    hk::client const client(service.io.get_executor(),
                            service.emulator.client_options().credential(std::move(who)));
    CHECK(service.run(client.topics()));
    CHECK(service.emulator.request_count(route) == requests_each);
    service.emulator.expire_tokens();
    CHECK(service.run(client.topics()));
    CHECK(service.run(client.topics()));
    CHECK(service.emulator.request_count(route) == 2 * requests_each);
    CHECK(service.emulator.token_requests() == 0); // Entra was not asked
}

variable const no_header("IDENTITY_HEADER", std::nullopt);
variable const no_endpoint("IDENTITY_ENDPOINT", std::nullopt);
variable const no_imds("IMDS_ENDPOINT", std::nullopt);

} // namespace

TEST_CASE("a virtual machine's identity, its own or one that was assigned to it")
{
    emulated service(hk::emulator_options().managed_identity(true).user_assigned_identity("assigned"));
    variable const host("AZURE_POD_IDENTITY_AUTHORITY_HOST", service.emulator.identity_endpoint());
    check_calls(service, hk::managed_identity_credential(), hk::emulator_route::imds, 1);
    service.emulator.forget_calls();
    check_calls(service, hk::managed_identity_credential().client_id("assigned"), hk::emulator_route::imds,
                1);
}

TEST_CASE("an app's identity")
{
    emulated service(hk::emulator_options().managed_identity(true).identity_header("a-header-of-the-app"));
    variable const endpoint("IDENTITY_ENDPOINT", service.emulator.identity_endpoint() + "/msi/token");
    variable const header("IDENTITY_HEADER", "a-header-of-the-app");
    check_calls(service, hk::managed_identity_credential(), hk::emulator_route::app_service_identity, 1);
}

TEST_CASE("the identity of a machine elsewhere that Azure Arc knows, which shows that it may read a file")
{
    scratch_folder const folder;
    std::string const key = folder.path("3f.key");
    emulated service(hk::emulator_options().managed_identity(true).arc_key_file(key));
    std::string const url = service.emulator.identity_endpoint();
    variable const endpoint("IDENTITY_ENDPOINT", url + "/metadata/arc/identity/oauth2/token");
    variable const imds("IMDS_ENDPOINT", url);
    check_calls(service, arc_credential(key.substr(0, key.rfind('/'))), hk::emulator_route::arc_identity, 2);
}

TEST_CASE("what the service demands of a token is passed over by an identity that cannot ask for it")
{
    emulated service(hk::emulator_options().managed_identity(true));
    variable const host("AZURE_POD_IDENTITY_AUTHORITY_HOST", service.emulator.identity_endpoint());
    service.emulator.require_claims(R"({"access_token":{"nbf":{"essential":true}}})");
    hk::client const with_identity(service.io.get_executor(), service.emulator.client_options().credential(
                                                                  hk::managed_identity_credential()));
    auto const refused = service.run(with_identity.topics());
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code() == hk::errc::unauthorized);
    CHECK(service.emulator.request_count(hk::emulator_route::imds) == 2); // no loop
    CHECK(service.run(service->topics())); // a service principal asks Entra for them
}
