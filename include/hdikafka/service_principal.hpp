// Credentials of service principals, which ask Entra with a secret, a certificate or an assertion.
#ifndef HDIKAFKA_SERVICE_PRINCIPAL_HPP
#define HDIKAFKA_SERVICE_PRINCIPAL_HPP

#include <hdikafka/detail/base/fwd.hpp>
#include <hdikafka/detail/base/secret.hpp>
#include <hdikafka/detail/identity/settings.hpp>
#include <hdikafka/detail/run/asio.hpp>

#include <functional>
#include <string>
#include <utility>

namespace hdikafka::inline v0_1 {

namespace detail {

class client_assertion_settings : public entra_settings
{
public:
    client_assertion_settings(entra_settings who, std::function<net::awaitable<std::string>()> from)
        : entra_settings(std::move(who)), function(std::move(from))
    {}

    std::function<net::awaitable<std::string>()> function;
};

} // namespace detail

/// What the credentials that ask Entra have in common. Bad values are told by the first call that needs a
/// token (errc::invalid_option, errc::invalid_endpoint); Entra's own refusals as errc::token_refused, with a
/// word on what to do about those that are usual. White space around ids, scope and authority, and around
/// what the environment says in their place, is not meant and left out; a variable that holds nothing else is
/// not set.
template <class Kind, template <class> class Source, class Settings = detail::entra_settings>
class entra_credential : public detail::credential_of<Kind, Source, Settings>
{
public:
    /// Another authority than AZURE_AUTHORITY_HOST or https://login.microsoftonline.com. https only.
    Kind& authority_host(std::string url) &
    {
        return this->set(this->settings_.authority_host, std::move(url));
    }
    Kind&& authority_host(std::string url) && { return std::move(authority_host(std::move(url))); }

    /// Another scope than https://hib.azurehdinsight.net/.default.
    Kind& scope(std::string scope) & { return this->set(this->settings_.scope, std::move(scope)); }
    Kind&& scope(std::string scope) && { return std::move(this->scope(std::move(scope))); }

private:
    friend Kind;

    entra_credential() = default;
    explicit entra_credential(Settings settings)
        : detail::credential_of<Kind, Source, Settings>(std::move(settings))
    {}
};

/// A service principal with a secret: asks Entra for a token with the client-credentials grant.
class client_secret_credential
    : public entra_credential<client_secret_credential, detail::client_secret_source,
                              detail::client_secret_settings>
{
public:
    /// The application (client) id and a secret of it, in the tenant, which is a GUID or a domain. A secret
    /// that begins or ends with white space, such as a line end, is refused and not sent
    /// (errc::invalid_option).
    client_secret_credential(std::string tenant, std::string client_id, std::string secret)
        : entra_credential(
              detail::client_secret_settings(detail::entra_settings(std::move(tenant), std::move(client_id)),
                                             detail::secret(std::move(secret))))
    {}
};

/// A service principal with a certificate, which signs an assertion for each token request (PS256, RFC 7523).
class client_certificate_credential
    : public entra_credential<client_certificate_credential, detail::client_certificate_source,
                              detail::client_certificate_settings>
{
public:
    /// The file holds the certificate, its private key (RSA, 2048 bits or more) and perhaps its chain, as PEM
    /// or PFX. It is read for each token request, on a thread of the client's executor: a certificate that is
    /// renewed on disk takes effect by itself, and a file that cannot be used, such as one whose certificate
    /// has expired by this machine's clock, is told by the call that needs a token (errc::invalid_option).
    client_certificate_credential(std::string tenant, std::string client_id, std::string path,
                                  std::string passphrase = "")
        : entra_credential(detail::client_certificate_settings(
              detail::entra_settings(std::move(tenant), std::move(client_id))))
    {
        settings_.path = std::move(path);
        settings_.passphrase = detail::secret(std::move(passphrase));
    }

    /// Signs with RS256 and names the certificate by its SHA-1, for authorities that know nothing newer.
    client_certificate_credential& rs256(bool on) & { return set(settings_.rs256, on); }
    client_certificate_credential&& rs256(bool on) && { return std::move(rs256(on)); }

    /// Sends the certificate and its chain along (x5c), for applications that are registered by subject name
    /// and issuer.
    client_certificate_credential& send_certificate_chain(bool on) &
    {
        return set(settings_.whole_chain, on);
    }
    client_certificate_credential&& send_certificate_chain(bool on) &&
    {
        return std::move(send_certificate_chain(on));
    }
};

/// A service principal whose assertions the program makes itself, `awaitable<std::string>()`: a key in a
/// vault, another platform's identity. Called once for each token request, on the client's executor; what it
/// throws becomes the call's error.
class client_assertion_credential
    : public entra_credential<client_assertion_credential, detail::client_assertion_source,
                              detail::client_assertion_settings>
{
public:
    /// The function is kept as long as any copy of the credential, and may be called from any thread of the
    /// client's executor.
    client_assertion_credential(std::string tenant, std::string client_id,
                                std::function<net::awaitable<std::string>()> function)
        : entra_credential(detail::client_assertion_settings(
              detail::entra_settings(std::move(tenant), std::move(client_id)), std::move(function)))
    {}
};

/// A Kubernetes service account that Entra trusts: AZURE_TENANT_ID, AZURE_CLIENT_ID,
/// AZURE_FEDERATED_TOKEN_FILE and AZURE_AUTHORITY_HOST, as the workload identity webhook sets them, looked at
/// for each token request. The file is read each time, on a thread of the client's executor. AKS's identity
/// bindings (AZURE_KUBERNETES_TOKEN_PROXY and its like) are not supported: Entra is asked all the same, and
/// its refusal then says so.
class workload_identity_credential
    : public entra_credential<workload_identity_credential, detail::workload_identity_source,
                              detail::workload_identity_settings>
{
public:
    workload_identity_credential() = default;

    /// Instead of AZURE_TENANT_ID.
    workload_identity_credential& tenant(std::string tenant) &
    {
        return set(settings_.tenant, std::move(tenant));
    }
    workload_identity_credential&& tenant(std::string tenant) &&
    {
        return std::move(this->tenant(std::move(tenant)));
    }

    /// Instead of AZURE_CLIENT_ID.
    workload_identity_credential& client_id(std::string id) &
    {
        return set(settings_.client_id, std::move(id));
    }
    workload_identity_credential&& client_id(std::string id) &&
    {
        return std::move(client_id(std::move(id)));
    }

    /// Instead of AZURE_FEDERATED_TOKEN_FILE.
    workload_identity_credential& token_file(std::string path) &
    {
        return set(settings_.file, std::move(path));
    }
    workload_identity_credential&& token_file(std::string path) &&
    {
        return std::move(token_file(std::move(path)));
    }
};

/// The service principal that the environment describes: AZURE_TENANT_ID, AZURE_CLIENT_ID and
/// AZURE_CLIENT_SECRET, or AZURE_CLIENT_CERTIFICATE_PATH (with AZURE_CLIENT_CERTIFICATE_PASSWORD and
/// AZURE_CLIENT_SEND_CERTIFICATE_CHAIN), in this order; looked at for each token request.
/// errc::no_credential, with the names of those that are missing, when they are not there.
class environment_credential : public entra_credential<environment_credential, detail::environment_source>
{
public:
    environment_credential() = default;
};

} // namespace hdikafka::inline v0_1

#endif
