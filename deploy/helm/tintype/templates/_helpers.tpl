{{- define "tintype.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 63 | trimSuffix "-" }}{{ else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 63 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "tintype.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "tintype.labels" -}}
{{ include "tintype.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "tintype.serviceAccount" -}}
{{- if .Values.serviceAccount.create }}{{ default (include "tintype.name" .) .Values.serviceAccount.name }}{{ else }}{{ default "default" .Values.serviceAccount.name }}{{ end }}
{{- end }}

{{- define "tintype.secret" -}}
{{- default (include "tintype.name" .) .Values.secret.existing }}
{{- end }}

{{- /* Several servers on a SQLite file of each would be several libraries. */ -}}
{{- define "tintype.check" -}}
{{- $values := default dict .Values.secret.values }}
{{- $many := or .Values.autoscaling.enabled (gt (int .Values.replicaCount) 1) }}
{{- if and $many (not .Values.secret.existing) }}
{{- range list "TINTYPE_DATABASE_URL" "TINTYPE_BLOB_URL" "TINTYPE_PRIVATE_KEY" "TINTYPE_PUBLIC_KEY" "TINTYPE_MASTER_KEY" }}
{{- if not (hasKey $values .) }}
{{- fail (printf "more than one server needs secret.values.%s, or secret.existing" .) }}
{{- end }}
{{- end }}
{{- end }}
{{- if and (not $many) (not .Values.secret.existing) (not .Values.data.volume) (not (hasKey $values "TINTYPE_DATABASE_URL")) }}
{{- fail "a server without PostgreSQL keeps its library in its data directory: give it a data.volume that lasts" }}
{{- end }}
{{- end }}
