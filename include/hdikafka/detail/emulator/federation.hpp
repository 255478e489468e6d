// A federated credential of the emulated application's registration.
#ifndef HDIKAFKA_DETAIL_EMULATOR_FEDERATION_HPP
#define HDIKAFKA_DETAIL_EMULATOR_FEDERATION_HPP

#include <hdikafka/version.hpp>

#include <string>
#include <utility>

namespace hdikafka::inline v0_1 {

/// Whose assertions stand for the application, as Entra's registration has it: those of one issuer about one
/// subject, such as a Kubernetes cluster's about a service account.
class emulator_federated_credential
{
public:
    /// The assertion's `iss` and `sub`, to the letter, and the keys that the issuer signs with: a JSON Web
    /// Key Set, or public keys or certificates as PEM text. RSA only: Entra takes no assertion but of RS256.
    emulator_federated_credential(std::string issuer, std::string subject, std::string keys)
        : issuer_(std::move(issuer)), subject_(std::move(subject)), keys_(std::move(keys))
    {}

    /// What `aud` must be, or have among others: "api://AzureADTokenExchange" by default.
    emulator_federated_credential& audience(std::string value) &
    {
        audience_ = std::move(value);
        return *this;
    }
    emulator_federated_credential&& audience(std::string value) &&
    {
        return std::move(audience(std::move(value)));
    }

    /// The constructor's first argument.
    std::string const& issuer() const noexcept { return issuer_; }
    /// Its second.
    std::string const& subject() const noexcept { return subject_; }
    std::string const& audience() const noexcept { return audience_; }
    /// Its third.
    std::string const& keys() const noexcept { return keys_; }

private:
    std::string issuer_;
    std::string subject_;
    std::string audience_ = "api://AzureADTokenExchange";
    std::string keys_;
};

} // namespace hdikafka::inline v0_1

#endif
