/* A GStreamer plugin with one element, "faac", that LiveKit Egress asks for and that Debian does not ship: a bin of
 * voaacenc and aacparse with the property "bitrate" in bit/s. Built by cmd/devstack/stack to libgstfaac.so, whose name
 * must be that of the plugin. */
#include <gst/gst.h>

typedef struct {
  GstBin parent;
  GstElement *encoder;
} HindsightFaac;

typedef GstBinClass HindsightFaacClass;

GType hindsight_faac_get_type (void);
G_DEFINE_TYPE (HindsightFaac, hindsight_faac, GST_TYPE_BIN)

enum { PROP_0, PROP_BITRATE };

static GstStaticPadTemplate sink_template = GST_STATIC_PAD_TEMPLATE ("sink", GST_PAD_SINK, GST_PAD_ALWAYS,
    GST_STATIC_CAPS ("audio/x-raw, format=S16LE, layout=interleaved, rate=[8000,96000], channels=[1,2]"));
static GstStaticPadTemplate src_template = GST_STATIC_PAD_TEMPLATE ("src", GST_PAD_SRC, GST_PAD_ALWAYS,
    GST_STATIC_CAPS ("audio/mpeg, mpegversion=4"));

static void set_property (GObject *object, guint id, const GValue *value, GParamSpec *spec)
{
  HindsightFaac *self = (HindsightFaac *) object;
  if (id != PROP_BITRATE)
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, spec);
  else if (self->encoder)
    g_object_set_property (G_OBJECT (self->encoder), "bitrate", value);
}

static void get_property (GObject *object, guint id, GValue *value, GParamSpec *spec)
{
  HindsightFaac *self = (HindsightFaac *) object;
  if (id != PROP_BITRATE)
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, spec);
  else if (self->encoder)
    g_object_get_property (G_OBJECT (self->encoder), "bitrate", value);
}

static void hindsight_faac_class_init (HindsightFaacClass *klass)
{
  GObjectClass *object = G_OBJECT_CLASS (klass);
  GstElementClass *element = GST_ELEMENT_CLASS (klass);
  object->set_property = set_property;
  object->get_property = get_property;
  g_object_class_install_property (object, PROP_BITRATE, g_param_spec_int ("bitrate", "Bitrate", "Bitrate in bit/s",
          0, 320000, 128000, G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS));
  gst_element_class_add_static_pad_template (element, &sink_template);
  gst_element_class_add_static_pad_template (element, &src_template);
  gst_element_class_set_static_metadata (element, "AAC encoder", "Codec/Encoder/Audio",
      "voaacenc and aacparse under the name of faac", "Hindsight");
}

static void ghost (HindsightFaac *self, GstElement *inner, const gchar *name)
{
  GstPad *pad = gst_element_get_static_pad (inner, name);
  gst_element_add_pad (GST_ELEMENT (self), gst_ghost_pad_new (name, pad));
  gst_object_unref (pad);
}

static void hindsight_faac_init (HindsightFaac *self)
{
  GstElement *parse = gst_element_factory_make ("aacparse", NULL);
  self->encoder = gst_element_factory_make ("voaacenc", NULL);
  if (!parse || !self->encoder) {
    GST_ERROR_OBJECT (self, "voaacenc or aacparse is missing: install gstreamer1.0-plugins-bad and -good");
    return;
  }
  gst_bin_add_many (GST_BIN (self), self->encoder, parse, NULL);
  gst_element_link (self->encoder, parse);
  ghost (self, self->encoder, "sink");
  ghost (self, parse, "src");
}

static gboolean plugin_init (GstPlugin *plugin)
{
  return gst_element_register (plugin, "faac", GST_RANK_NONE, hindsight_faac_get_type ());
}

#define PACKAGE "hindsight"
GST_PLUGIN_DEFINE (GST_VERSION_MAJOR, GST_VERSION_MINOR, faac, "faac for LiveKit Egress", plugin_init, "1.0",
    "LGPL", "hindsight", "https://github.com/hindsight-app/hindsight")
