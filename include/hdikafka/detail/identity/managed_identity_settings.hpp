// What a managed identity's credential is made from.
#ifndef HDIKAFKA_DETAIL_IDENTITY_MANAGED_IDENTITY_SETTINGS_HPP
#define HDIKAFKA_DETAIL_IDENTITY_MANAGED_IDENTITY_SETTINGS_HPP

#include <hdikafka/version.hpp>

#include <string>

namespace hdikafka::inline v0_1::detail {

/// What the proxy's tokens are for.
inline constexpr char const* service_scope = "https://hib.azurehdinsight.net/.default";

/// Which of the machine's identities, and for what.
class managed_identity_settings
{
public:
    managed_identity_settings() = default;

    std::string client_id; ///< One of the three at most; none: the system-assigned identity.
    std::string object_id;
    std::string resource_id;
    std::string scope = service_scope;
};

} // namespace hdikafka::inline v0_1::detail

#endif
