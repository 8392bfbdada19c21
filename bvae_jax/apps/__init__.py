"""What learned codes are good for: one application a file.

Each module has `run(options) -> Section` for the page, and pure functions of a
coder and arrays for a program of one's own. `NAMES` lists them.
"""

NAMES = {
  'traverse': 'images along single latents: PNG, SVG, GIF, WebP, and a film',
  'intervene': 'move one true factor, watch every latent; and the reverse',
  'edit': 'change one attribute of images and keep the rest',
  'transfer': 'codes, pixels, PCA and a network with 10, 100, 1000 labels',
  'fair': 'predictions that ignore a sensitive factor',
  'augment': 'training images that vary one factor, labels kept',
  'explain': 'one image: nats by latent, what each does, neighbours',
}

# The flags that each reads beside --workdir, --members and --seed.
FLAGS = {
  'traverse': ('anchors', 'index', 'latents', 'range', 'steps'),
  'intervene': ('threshold',),
  'edit': ('against', 'factor', 'images', 'labels', 'latents', 'repeats'),
  'transfer': ('factor', 'labels', 'repeats', 'target'),
  'fair': ('factor', 'labels', 'latents', 'target', 'threshold'),
  'augment': ('factor', 'labels', 'latents', 'repeats', 'target'),
  'explain': ('index',),
}

# Numbers of labelled images, where --labels says none.
LABELS = {
  'augment': (100,),
  'edit': (100,),
  'fair': (200,),
  'transfer': (10, 100, 1000),
}
