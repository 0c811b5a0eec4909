// Package schematest checks the files of publish/deploy against the types of the programs that read them. It is a module
// of its own, because those types bring dependencies that neither the programs nor other tests have.
package schematest

import (
	"os"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/stretchr/testify/require"
	apps "k8s.io/api/apps/v1"
	scaling "k8s.io/api/autoscaling/v2"
	core "k8s.io/api/core/v1"
	policy "k8s.io/api/policy/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	kube "sigs.k8s.io/yaml"
)

// Every field of the manifests is one that Kubernetes has, with a value of its type.
func TestManifestsAreKubernetes(t *testing.T) {
	for _, file := range []string{"../kubernetes/backend.yaml", "../kubernetes/egress.yaml"} {
		b, err := os.ReadFile(file)
		require.NoError(t, err)
		documents := strings.Split(string(b), "\n---\n")
		require.NotEmpty(t, documents)
		for _, text := range documents {
			var kind meta.TypeMeta
			require.NoError(t, kube.Unmarshal([]byte(text), &kind), file)
			object := map[string]any{"v1 ConfigMap": &core.ConfigMap{}, "v1 Service": &core.Service{},
				"apps/v1 Deployment": &apps.Deployment{}, "policy/v1 PodDisruptionBudget": &policy.PodDisruptionBudget{},
				"autoscaling/v2 HorizontalPodAutoscaler": &scaling.HorizontalPodAutoscaler{},
			}[kind.APIVersion+" "+kind.Kind]
			require.NotNil(t, object, "%s: %s of this version", file, kind.Kind)
			require.NoError(t, kube.UnmarshalStrict([]byte(text), object), "%s: %s", file, kind.Kind)
			if d, ok := object.(*apps.Deployment); ok {
				restricted(t, d.Name, d.Spec.Template.Spec)
			}
		}
	}
}

// restricted wants what Kubernetes' standard "restricted" asks of pods.
func restricted(t *testing.T, name string, pod core.PodSpec) {
	t.Helper()
	require.NotNil(t, pod.SecurityContext, name)
	nonRoot := pod.SecurityContext.RunAsNonRoot
	require.True(t, nonRoot != nil && *nonRoot, "%s may run as root", name)
	require.NotNil(t, pod.SecurityContext.RunAsUser, name)
	require.NotZero(t, *pod.SecurityContext.RunAsUser, name)
	require.NotNil(t, pod.SecurityContext.SeccompProfile, name)
	require.Equal(t, core.SeccompProfileTypeRuntimeDefault, pod.SecurityContext.SeccompProfile.Type, name)
	for _, c := range append(pod.InitContainers, pod.Containers...) {
		require.NotNil(t, c.SecurityContext, c.Name)
		more := c.SecurityContext.AllowPrivilegeEscalation
		require.True(t, more != nil && !*more, c.Name)
		require.NotNil(t, c.SecurityContext.Capabilities, c.Name)
		require.Contains(t, c.SecurityContext.Capabilities.Drop, core.Capability("ALL"), c.Name)
	}
}

// The compose file is what "docker compose config" takes: it follows the schema, its variables are filled in, and what
// it refers to is there.
func TestComposeFile(t *testing.T) {
	load := func(env types.Mapping) (*types.Project, error) {
		return loader.LoadWithContext(t.Context(), types.ConfigDetails{WorkingDir: "..", Environment: env,
			ConfigFiles: []types.ConfigFile{{Filename: "../compose.yaml"}}})
	}
	_, err := load(types.Mapping{"NODE_IP": "203.0.113.7"})
	require.ErrorContains(t, err, "set LIVEKIT_API_SECRET")
	project, err := load(types.Mapping{"NODE_IP": "203.0.113.7", "LIVEKIT_API_SECRET": "secret"})
	require.NoError(t, err)
	require.Len(t, project.Services, 4)
	livekit, backend, egress := project.Services["livekit"], project.Services["backend"], project.Services["egress"]
	require.Contains(t, livekit.Command, "203.0.113.7")
	require.Equal(t, "hindsight: secret", *livekit.Environment["LIVEKIT_KEYS"])
	require.Equal(t, *egress.Environment["LIVEKIT_API_SECRET"], *backend.Environment["LIVEKIT_API_SECRET"])
	require.FileExists(t, backend.Build.Context+"/"+backend.Build.Dockerfile)
	for _, v := range append(livekit.Volumes, egress.Volumes...) {
		if v.Type == types.VolumeTypeBind {
			require.FileExists(t, v.Source)
		}
	}
}
