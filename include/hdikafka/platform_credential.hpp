// Credentials that the platform holds: a managed identity, the developer's Azure CLI.
#ifndef HDIKAFKA_PLATFORM_CREDENTIAL_HPP
#define HDIKAFKA_PLATFORM_CREDENTIAL_HPP

#include <hdikafka/detail/base/fwd.hpp>
#include <hdikafka/detail/identity/settings.hpp>

#include <string>
#include <utility>

namespace hdikafka::inline v0_1 {

/// The identity that Azure gives to the machine, app or cluster on which the program runs. Which endpoint is
/// asked is read from the environment for each token request: App Service and Container Apps
/// (IDENTITY_ENDPOINT, IDENTITY_HEADER), Azure Arc (IDENTITY_ENDPOINT, IMDS_ENDPOINT), otherwise the instance
/// metadata service at 169.254.169.254 or AZURE_POD_IDENTITY_AUTHORITY_HOST; never through a proxy. The
/// system-assigned identity unless one of the three functions names a user-assigned one; two of them are told
/// by the first call that needs a token (errc::invalid_option). errc::no_credential where there is no such
/// endpoint or identity. As one of several (chained_credential, default_credential) it looks whether the
/// instance metadata service is there at all, for a second, and what answers in its place is nobody; it looks
/// again after a minute at the earliest. Alone it asks with all the patience that the service may need.
class managed_identity_credential
    : public detail::credential_of<managed_identity_credential, detail::managed_identity_source,
                                   detail::managed_identity_settings>
{
public:
    managed_identity_credential() = default;

    /// The user-assigned identity with this client id.
    managed_identity_credential& client_id(std::string id) &
    {
        return set(settings_.client_id, std::move(id));
    }
    managed_identity_credential&& client_id(std::string id) && { return std::move(client_id(std::move(id))); }

    /// The user-assigned identity with this object (principal) id.
    managed_identity_credential& object_id(std::string id) &
    {
        return set(settings_.object_id, std::move(id));
    }
    managed_identity_credential&& object_id(std::string id) && { return std::move(object_id(std::move(id))); }

    /// The user-assigned identity with this Azure resource id ("/subscriptions/…").
    managed_identity_credential& resource_id(std::string id) &
    {
        return set(settings_.resource_id, std::move(id));
    }
    managed_identity_credential&& resource_id(std::string id) &&
    {
        return std::move(resource_id(std::move(id)));
    }

    /// Another scope than https://hib.azurehdinsight.net/.default, which must end in "/.default", too.
    managed_identity_credential& scope(std::string scope) & { return set(settings_.scope, std::move(scope)); }
    managed_identity_credential&& scope(std::string scope) &&
    {
        return std::move(this->scope(std::move(scope)));
    }
};

/// Whoever is signed in to the Azure CLI on a developer's machine: runs `az account get-access-token`,
/// without a shell, for at most 13 s (errc::timed_out); it is ended with the request. errc::no_credential
/// when it is not installed or nobody is signed in, errc::token_refused with its words when it fails
/// otherwise. It runs in this process's environment, with AZURE_CORE_NO_COLOR and AZURE_CORE_ONLY_SHOW_ERRORS
/// set. Not on Windows: errc::no_credential.
class azure_cli_credential
    : public detail::credential_of<azure_cli_credential, detail::azure_cli_source, detail::azure_cli_settings>
{
public:
    azure_cli_credential() = default;

    /// Another tenant than that of the active subscription.
    azure_cli_credential& tenant(std::string tenant) & { return set(settings_.tenant, std::move(tenant)); }
    azure_cli_credential&& tenant(std::string tenant) &&
    {
        return std::move(this->tenant(std::move(tenant)));
    }

    /// Another scope than https://hib.azurehdinsight.net/.default.
    azure_cli_credential& scope(std::string scope) & { return set(settings_.scope, std::move(scope)); }
    azure_cli_credential&& scope(std::string scope) && { return std::move(this->scope(std::move(scope))); }
};

} // namespace hdikafka::inline v0_1

#endif
